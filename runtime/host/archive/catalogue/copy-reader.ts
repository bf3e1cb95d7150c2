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
export function copyReader({ source, path }: RestorePoint, target: AbsentTarget): PointReader {
  const name = relative(target.path, path)
  return {
    async *entries(under, depth) {
      using catalogue = openCopy(target, source)
      const seq = catalogue?.points().findLast((point) => point.name === name)?.seq
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

function openCopy({ name, stateDirectory }: AbsentTarget, source: string): Catalogue | undefined {
  using folder = Folder.at(copyFolder(stateDirectory, name))
  return folder && Catalogue.open(folder, source)
}
