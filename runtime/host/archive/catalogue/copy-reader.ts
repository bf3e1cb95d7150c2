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
  /** Says why its disk cannot be read. */
  refusal(): Error
}

/** Tells what is in an archive whose disk is not mounted, by the copy of its catalogue. Its contents cannot be read. */
export function copyReader(point: RestorePoint, target: AbsentTarget): PointReader {
  return {
    async *entries(under, depth) {
      using catalogue = openCopy(target, point.source)
      const seq = catalogue && seqByName(catalogue, point, target.path)
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

/** Which of the archives in a copy a restore point is, on a target at a path. */
export function seqByName(catalogue: Catalogue, point: RestorePoint, target: string): number | undefined {
  const name = relative(target, point.path)
  return catalogue.points().findLast((known) => known.name === name)?.seq
}

/** The copy of a source's catalogue, in the state directory. */
export function openCopy({ name, stateDirectory }: AbsentTarget, source: string): Catalogue | undefined {
  using folder = Folder.at(copyFolder(stateDirectory, name))
  return folder && Catalogue.open(folder, source)
}
