import type { Entry } from '../../points/entry.ts'
import { placeOnDisk } from '../../points/find-points.ts'
import type { RestorePoint } from '../../points/restore-point.ts'
import { archiveFile } from '../archive-file.ts'
import type { Point } from './bring-up.ts'
import type { Catalogue } from './catalogue.ts'
import { type AbsentTarget, openCopy, seqInCopy } from './copy-reader.ts'
import { openArchive } from './from-archives.ts'
import { openCatalogue, seqOf, seqOfFile } from './quick-reader.ts'
import type { Wanted } from './wanted-names.ts'

/** An entry, and the restore points in which it stands as it is. */
export interface Standing {
  entry: Entry
  points: readonly RestorePoint[]
}

/** Archives of one source on one disk that its catalogue knows: compared and searched without being read. */
export class Together implements Disposable {
  readonly #catalogue: Catalogue
  readonly #seqs: ReadonlyMap<RestorePoint, number>

  private constructor(catalogue: Catalogue, seqs: ReadonlyMap<RestorePoint, number>) {
    this.#catalogue = catalogue
    this.#seqs = seqs
  }

  /**
   * @param points Of one source on one target; mirrors among them are passed over.
   * @param absent Of a target whose disk is not mounted: the copy of the catalogue is read.
   * @returns undefined where no catalogue knows one of them.
   */
  static async open(points: readonly RestorePoint[], absent?: AbsentTarget): Promise<Together | undefined> {
    const archives = points.filter(({ kind }) => kind !== 'mirror')
    const [first] = archives
    if (!first) return undefined
    const catalogue = absent
      ? openCopy(absent, first.source)
      : openCatalogue(placeOnDisk(first).root, first.source)
    if (!catalogue) return undefined
    const seqs = new Map<RestorePoint, number>()
    const known = catalogue.points()
    for (const point of archives) {
      const seq = absent ? seqInCopy(catalogue, point, absent) : await seqOnDisk(catalogue, known, point)
      if (seq !== undefined) seqs.set(point, seq)
    }
    if (seqs.size > 0) return new Together(catalogue, seqs)
    catalogue[Symbol.dispose]()
    return undefined
  }

  [Symbol.dispose](): void {
    this.#catalogue[Symbol.dispose]()
  }

  has(point: RestorePoint): boolean {
    return this.#seqs.has(point)
  }

  /**
   * What is in one archive below a path, but may not be so in the other; what is not told is equal in both.
   * @throws {Error} It does not know both.
   */
  onlyIn(point: RestorePoint, other: RestorePoint, under?: Buffer): Iterable<Entry> {
    return this.#catalogue.onlyIn(this.#seqOf(point), this.#seqOf(other), under)
  }

  /**
   * Everything but the source itself whose path is wanted, in any of the archives. In no order; what is equal may come twice.
   * What is found among a few thousand names comes together, so that whoever asks may let others go on.
   */
  *matching(wanted: Wanted): Generator<Standing[]> {
    const pointsAt = Map.groupBy(this.#seqs.keys(), (point) => this.#seqOf(point))
    for (const found of this.#catalogue.matching(wanted, [...pointsAt.keys()]))
      yield found.map(({ entry, seqs }) => ({
        entry,
        points: seqs.flatMap((seq) => pointsAt.get(seq) ?? []),
      }))
  }

  #seqOf(point: RestorePoint): number {
    const seq = this.#seqs.get(point)
    if (seq === undefined) throw new Error(`the catalogue does not know ${point.id}`)
    return seq
  }
}

async function seqOnDisk(
  catalogue: Catalogue,
  known: readonly Point[],
  point: RestorePoint,
): Promise<number | undefined> {
  const there = await archiveFile(point.path)
  const same = there && seqOfFile(known, there)
  if (same !== undefined) return same
  const { root, name } = placeOnDisk(point)
  try {
    await using file = await openArchive(root, name)
    return await seqOf(catalogue, file)
  } catch {
    // Whoever reads it from its beginning says what is wrong.
    return undefined
  }
}
