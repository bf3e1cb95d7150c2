import { relative } from 'node:path'
import { Readable } from 'node:stream'
import type { Entry, PointReader } from '../../points/entry.ts'
import type { RestorePoint } from '../../points/restore-point.ts'
import { Folder } from '../../target/safe-open.ts'
import { Catalogue } from './catalogue.ts'
import { copyFolder } from './catalogue-copy.ts'

/** What is known of a target whose disk is not there. */
export interface AbsentTarget {
  name: string
  path: string
  stateDirectory: string
  /** The files of its archives, as far as they are on record, by the ids of their restore points. */
  files: ReadonlyMap<string, string>
  /** Says why its disk cannot be read. */
  refusal(): Error
}

/** Tells what is in an archive whose disk is not mounted, by the copy of its catalogue. Its contents cannot be read. */
export function copyReader(point: RestorePoint, target: AbsentTarget): PointReader {
  return {
    async *entries(under, depth) {
      using catalogue = openCopy(target, point.source)
      const seq = catalogue && seqInCopy(catalogue, point, target)
      if (!catalogue || seq === undefined) throw target.refusal()
      yield* catalogue.entries(seq, under, depth) as Iterable<Entry>
    },
    isIndexed: async () => true,
    extract: async () => {
      throw target.refusal()
    },
    read: () => new Readable({ read() {} }).destroy(target.refusal()),
  }
}

/** Whether a copy of the catalogue tells what is in the archive of a restore point. */
export function isInCopy(point: RestorePoint, target: AbsentTarget): boolean {
  using catalogue = openCopy(target, point.source)
  return catalogue !== undefined && seqInCopy(catalogue, point, target) !== undefined
}

/** Which of the archives in a copy a restore point is: by its file, where that is on record, otherwise by its name. */
export function seqInCopy(
  catalogue: Catalogue,
  point: RestorePoint,
  { path, files }: AbsentTarget,
): number | undefined {
  const name = relative(path, point.path)
  const file = files.get(point.id)
  const known = catalogue.points().filter((one) => file === undefined || one.file === file)
  const named = known.findLast((one) => one.name === name)
  return (named ?? (file === undefined ? undefined : known.at(-1)))?.seq
}

/** The copy of a source's catalogue, in the state directory. */
export function openCopy(
  { name, stateDirectory }: Pick<AbsentTarget, 'name' | 'stateDirectory'>,
  source: string,
): Catalogue | undefined {
  using folder = Folder.at(copyFolder(stateDirectory, name))
  return folder && Catalogue.open(folder, source)
}
