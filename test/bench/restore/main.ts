import { spawnSync } from 'node:child_process'
import { randomFillSync } from 'node:crypto'
import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { ArchivePlan } from '../../../runtime/host/archive/archive-place.ts'
import { type Archives, createArchives } from '../../../runtime/host/archive/archives.ts'
import { Catalogues } from '../../../runtime/host/archive/catalogue/catalogues.ts'
import { Night } from '../../../runtime/host/archive/catalogue/night.ts'
import { createRunner, unobserved } from '../../../runtime/host/command/command.ts'
import { writeMarker } from '../../../runtime/host/target/marker.ts'
import type { Figure } from '../main.ts'
import { inFolder, quotients, ratio, skipped, timed, turnByTurn } from '../measure.ts'
import { plainSources, type Released, release } from '../released.ts'
import { borg, must, type Peer, quiet, restic } from './peers.ts'
import { whole } from './whole.ts'

const bench = 'restore'
const rounds = 3
const gib = 1024 ** 3
const smallFiles = 5000
const wanted = 'z/wanted'

/**
 * Getting one file back, listing and finding, from an archive of 1 GiB (`large`: 10 GiB); getting all of it back; and what the
 * catalogue costs a night.
 */
export async function restore({ large = false }: { large?: boolean | undefined } = {}): Promise<Figure[]> {
  return inFolder(async (folder) => {
    const hdsync = await release(folder, plainSources(folder, 1))
    const mirror = join(folder, 'hdd1', 'var')
    fill(mirror, (large ? 10 : 1) * gib)
    mkdirSync(join(folder, 'hdd9'))
    await writeMarker(join(folder, 'hdd1'), 'hdd1', 0)
    const signal = new AbortController().signal
    const runner = createRunner({ observer: unobserved, signal, owner: 'bench' })
    const boots = { current: 'boot', inOrderSince: () => true }
    // What was written a moment ago is packed again.
    const now = () => Date.now() + 10_000
    const archives = createArchives({ runner, signal, boots, stateDirectory: join(folder, 'state'), now })
    await archives.write(planOf(folder, 'Monday'), () => {})
    const peers = [restic(folder, mirror, wanted), borg(folder, mirror, wanted)]
    return [
      // Of a small archive it is the start of hdsync that is measured.
      ...(await readings(folder, hdsync, peers, large ? 0.05 : 0.5)),
      // As the place for what is restored would be twice as large.
      ...(large ? [] : await whole(folder, hdsync, peers)),
      ...(await nights(folder, archives)),
    ]
  })
}

function fill(mirror: string, bytes: number): void {
  const block = Buffer.alloc(64 * 1024 ** 2)
  mkdirSync(join(mirror, 'large'), { recursive: true })
  for (let n = 0; n * block.length < bytes; n += 1)
    writeFileSync(join(mirror, 'large', String(n)), randomFillSync(block))
  for (let n = 0; n < smallFiles; n += 1) {
    const path = join(mirror, `small/folder${n % 50}`)
    mkdirSync(path, { recursive: true })
    writeFileSync(join(path, `file${n}`), block.subarray(n * 1000, n * 1000 + 10_000))
  }
  mkdirSync(join(mirror, 'z'))
  writeFileSync(join(mirror, wanted), block.subarray(0, 10_000))
}

function planOf(folder: string, weekday: string): ArchivePlan {
  const target = (name: string) => ({ name, path: join(folder, name), mounts: [], parallel: 1 })
  return {
    ...{ from: target('hdd1'), to: target('hdd9'), source: 'var', weekday },
    ...{ compression: 'zstd', level: undefined },
  }
}

async function readings(
  folder: string,
  hdsync: Released,
  peers: readonly Peer[],
  atMost: number,
): Promise<Figure[]> {
  const disk = join(folder, 'hdd9')
  const archive = join(disk, 'Monday', 'var.tar.zst')
  const run = (...words: string[]) =>
    must(spawnSync(hdsync.launcher, ['--disk', disk, ...words], quiet(hdsync.env)))
  const tar = () => must(spawnSync('tar', ['--zstd', '-xOf', archive, `var/${wanted}`], quiet()))
  const cat = () => run('cat', `var:${wanted}`)
  const times = await turnByTurn([['cat', cat] as const, ['tar', tar] as const], { rounds, warm: 1 })
  const one = ratio(bench, 'one 10 kB file, in times of tar --zstd', quotients(times('cat'), times('tar')), {
    atMost,
  })
  const figures = [one]
  for (const peer of peers) {
    if (peer.missing) {
      figures.push(skipped(bench, `one file, ls and find, in times of ${peer.name}`, peer.missing))
      continue
    }
    for (const [what, words, theirs] of [
      ['one 10 kB file', ['cat', `var:${wanted}`], peer.cat],
      ['ls -R', ['ls', '-R', 'var'], peer.ls],
      ['find', ['find', 'wanted', 'var'], peer.find],
    ] as const) {
      const both = await turnByTurn([['ours', () => run(...words)] as const, ['theirs', theirs] as const], {
        rounds,
        warm: 1,
      })
      const title = `${what}, in times of ${peer.name}`
      figures.push(ratio(bench, title, quotients(both('ours'), both('theirs')), { atMost: 1 }))
    }
  }
  return figures
}

/** What the catalogue takes of a night, in times of 3 % of its archive or of 50 ms, whichever is more. */
async function nights(folder: string, archives: Archives): Promise<Figure[]> {
  const shareOf = async (weekday: string) => {
    const spent = measured()
    const ms = await timed(() => archives.write(planOf(folder, weekday), () => {}))
    const catalogueMs = spent()
    return catalogueMs / Math.max(50, (ms - catalogueMs) * 0.03)
  }
  const changed: number[] = []
  for (const [day, weekday] of ['Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'].entries()) {
    for (let n = day; n < smallFiles; n += 20)
      appendFileSync(join(folder, `hdd1/var/small/folder${n % 50}/file${n}`), 'changed')
    changed.push(await shareOf(weekday))
  }
  const unchanged: number[] = []
  for (const weekday of ['Sunday', 'Monday', 'Tuesday']) unchanged.push(await shareOf(weekday))
  return [
    ratio(bench, 'the catalogue in a night of 5 % changed, of 50 ms or 3 %', changed, { atMost: 1 }),
    ratio(bench, 'the catalogue in an unchanged night, of 50 ms or 3 %', unchanged, { atMost: 1 }),
  ]
}

/** Counts the milliseconds spent in what keeps the catalogue. */
function measured(): () => number {
  let total = 0
  const { written } = Catalogues.prototype
  const { fresh } = Night.prototype
  Catalogues.prototype.written = async function (...words) {
    const startedAt = performance.now()
    const problem = await written.apply(this, words)
    total += performance.now() - startedAt
    return problem
  }
  Night.prototype.fresh = function (...words) {
    const startedAt = performance.now()
    fresh.apply(this, words)
    total += performance.now() - startedAt
  }
  return () => {
    Catalogues.prototype.written = written
    Night.prototype.fresh = fresh
    return total
  }
}
