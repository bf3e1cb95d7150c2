import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { weekdays } from '../../../weekday.ts'
import type { Boots } from '../../boots.ts'
import { keepsTimesOfChange } from '../../mirror/directory.ts'
import { mirrorPath } from '../../mirror/mirror-identity.ts'
import { damagedFiles, readLedger } from '../../proof/ledger.ts'
import { archiveFile } from '../archive-file.ts'
import { formOf } from '../archive-form.ts'
import { type ArchivePlan, archivePath } from '../archive-place.ts'
import type { Shelf } from '../shelf.ts'
import { ArchiveIndex, type IndexBuilder } from './archive-index.ts'

/** An archive that was put in its place. */
interface Placed {
  path: string
  file: string
  sizeBytes: number
}

/** The indexes of this week's archives, one for each source and weekday. */
export class ArchiveIndexes {
  readonly #folder: string
  readonly #boots: Boots
  readonly #now: () => number

  constructor(folder: string, boots: Boots, now: () => number) {
    this.#folder = folder
    this.#boots = boots
    this.#now = now
  }

  /** Without it the next archive is made of the whole mirror: slower, and no less good. So it may fail. */
  async save(plan: ArchivePlan, { path, file, sizeBytes }: Placed, index: IndexBuilder): Promise<void> {
    const about = { path, file, sizeBytes, form: formOf(plan), boot: this.#boots.current }
    await index.save(this.#path(plan, plan.weekday), { ...about, writtenAt: this.#now() }).catch(() => {})
  }

  /** What is known of an archive is known of its link as well. */
  async carry(plan: ArchivePlan, { path, file }: Omit<Placed, 'sizeBytes'>, to: Placed): Promise<void> {
    if (to.path === path) return
    for (const from of weekdays.map((weekday) => this.#path(plan, weekday))) {
      const known = ArchiveIndex.peek(from)
      if (known?.path !== path || known.file !== file) continue
      const about = { path: to.path, file: to.file, writtenAt: this.#now() }
      await ArchiveIndex.carry(from, this.#path(plan, plan.weekday), about).catch(() => {})
      return
    }
  }

  /** Of the archives of this week: the newest one that is there, and of which segments may be taken: none is of one that is known to be damaged. */
  async newest(plan: ArchivePlan, shelf: Shelf): Promise<ArchiveIndex | undefined> {
    const mirror = mirrorPath(plan.from, { name: plan.source })
    if (!existsSync(mirror) || !keepsTimesOfChange(mirror)) return undefined
    const form = formOf(plan)
    const damaged = damagedFiles(readLedger(plan.to.path, plan.source))
    const candidates = weekdays
      .map((weekday) => ({ weekday, at: this.#path(plan, weekday) }))
      .map((one) => ({ ...one, about: ArchiveIndex.peek(one.at) }))
      .toSorted((one, other) => (other.about?.writtenAt ?? 0) - (one.about?.writtenAt ?? 0))
    for (const { weekday, at, about } of candidates) {
      if (about?.form !== form || about.path !== archivePath({ ...plan, weekday })) continue
      // After a power cut the contents of a file may be others although its inode is as it was.
      if (!this.#boots.inOrderSince(about.boot)) continue
      const found = await archiveFile(shelf.at(about.path))
      if (found?.file !== about.file || found.sizeBytes !== about.sizeBytes) continue
      if (damaged.has(found.file)) continue
      const index = ArchiveIndex.read(at)
      if (index) return index
    }
    return undefined
  }

  #path({ source }: Pick<ArchivePlan, 'source'>, weekday: string): string {
    return join(this.#folder, `${source}.${weekday}.index`)
  }
}
