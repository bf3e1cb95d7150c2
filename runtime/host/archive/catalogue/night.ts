import { rmSync } from 'node:fs'
import type { DatabaseSync, StatementSync } from 'node:sqlite'
import type { ArchiveIndex, Contents, Member } from '../pieces/pieces.ts'
import { tagBytes } from '../pieces/pieces.ts'
import { openScratch } from './catalogue-file.ts'
import { entryTypes, nightTables } from './tables.ts'

/**
 * Collects what a new archive adds to the catalogue of its source, in a file of its own, while the archive is written. No
 * archive needs it: what goes wrong is kept in `problem`.
 */
export class Night implements Contents, Disposable {
  readonly path: string
  readonly #source: Buffer
  readonly #earlier: ArchiveIndex | undefined
  readonly #taken: Uint8Array
  #database: DatabaseSync | undefined
  #statements:
    | { member: StatementSync; segment: StatementSync; folder: StatementSync; folderId: StatementSync }
    | undefined
  #members = 0
  #same = 0
  #lastFolder: { path: Buffer; id: number } | undefined
  /** How many segments have been taken from the earlier archive. */
  takenSegments = 0
  problem: Error | undefined

  /**
   * @param path Of the file, which nobody else uses.
   * @param earlier The archive from which segments are taken.
   */
  constructor(path: string, source: string, earlier: ArchiveIndex | undefined) {
    this.path = path
    this.#source = Buffer.from(`${source}/`)
    this.#earlier = earlier
    this.#taken = new Uint8Array(Math.ceil((earlier?.count ?? 0) / 8))
    this.#quietly(() => {
      remove(path)
      const database = openScratch(path)
      this.#database = database
      database.exec(`BEGIN; ${nightTables}`)
      this.#statements = {
        member: database.prepare(`INSERT INTO member VALUES (${Array(13).fill('?').join(', ')})`),
        segment: database.prepare('INSERT INTO segment VALUES (?, ?, ?)'),
        folder: database.prepare('INSERT OR IGNORE INTO folder (path) VALUES (?)'),
        folderId: database.prepare('SELECT id FROM folder WHERE path = ?'),
      }
    })
  }

  fresh(tag: bigint, members: readonly Member[]): void {
    this.#quietly(() => {
      const first = this.#members + 1
      for (const member of members) this.#add(member)
      const entries = this.#members - first + 1
      if (entries > 0) this.#statements?.segment.run(first, tag, entries)
    })
  }

  taken(n: number): void {
    this.takenSegments += 1
    this.#taken[n >> 3] = (this.#taken[n >> 3] ?? 0) | (1 << (n & 7))
  }

  /** Notes which segments of the earlier archive are in the new one no more. */
  goneOfEarlier(): void {
    const earlier = this.#earlier
    if (!earlier) return
    this.gone(
      function* (this: Night) {
        for (let n = 0; n < earlier.count; n += 1) {
          if ((this.#taken[n >> 3] ?? 0) & (1 << (n & 7))) continue
          const key = earlier.key(n)
          const tag = key.subarray(0, tagBytes).readBigInt64LE()
          if (tag !== 0n) yield tag & ~1n
        }
      }.call(this),
    )
  }

  /** Notes a segment without a key that is in the catalogue already. */
  same(tag: bigint): void {
    this.#same += 1
    this.#quietly(() => this.#statements?.segment.run(-this.#same, tag, 0))
  }

  /** Notes segments that are in the new archive no more. */
  gone(tags: Iterable<bigint>): void {
    this.#quietly(() => {
      const insert = this.#database?.prepare('INSERT OR IGNORE INTO gone VALUES (?)')
      for (const tag of tags) insert?.run(tag)
    })
  }

  /** Ends the collecting, so that the file can be read. */
  end(): void {
    this.#quietly(() => {
      this.#database?.exec('COMMIT')
      this.#database?.close()
    })
  }

  [Symbol.dispose](): void {
    this.#quietly(() => {
      if (this.#database?.isOpen) this.#database.close()
    })
    remove(this.path)
  }

  #add({ name, type, sizeBytes, mtimeNs, mode, uid, gid, ...rest }: Member): void {
    const path = this.#below(name)
    if (!path) return
    const slash = path.lastIndexOf('/')
    const folder = this.#folder(path.subarray(0, Math.max(slash, 0)))
    this.#members += 1
    const { linkTo = null, hardLinkTo, sha256 = null, attributes = null } = rest
    const hardLink = (hardLinkTo && this.#below(hardLinkTo)) ?? null
    const size = BigInt(sizeBytes)
    const facts = [
      entryTypes.indexOf(type),
      size,
      mtimeNs,
      mode,
      uid,
      gid,
      linkTo,
      hardLink,
      sha256,
      attributes,
    ]
    this.#statements?.member.run(this.#members, folder, path.subarray(slash + 1), ...facts)
  }

  #below(name: Buffer): Buffer | undefined {
    const { length } = this.#source
    if (name.equals(this.#source.subarray(0, -1))) return Buffer.alloc(0)
    return name.subarray(0, length).equals(this.#source) ? name.subarray(length) : undefined
  }

  /** Neighbours mostly lie in one folder. */
  #folder(path: Buffer): number {
    if (!this.#lastFolder?.path.equals(path)) {
      this.#statements?.folder.run(path)
      const id = Number(this.#statements?.folderId.get(path)?.id)
      this.#lastFolder = { path: Buffer.from(path), id }
    }
    return this.#lastFolder.id
  }

  #quietly(work: () => void): void {
    if (this.problem) return
    try {
      work()
    } catch (error) {
      this.problem = error as Error
    }
  }
}

function remove(path: string): void {
  for (const one of [path, `${path}-journal`]) rmSync(one, { force: true })
}
