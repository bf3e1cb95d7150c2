import type { Readable } from 'node:stream'
import type { OpenFolder } from './open-folder.ts'

export type EntryType =
  | 'file'
  | 'directory'
  | 'symlink'
  | 'fifo'
  | 'socket'
  | 'block-device'
  | 'character-device'

/** One thing that a restore point holds, as it was in the source. */
export interface Entry {
  /**
   * Below the folder of the source: bytes, as a name need not be valid UTF-8. No `/` at the beginning or the end, no `.`
   * and no `..` in it. Empty for the folder of the source itself.
   */
  path: Buffer
  type: EntryType
  /** What a reader of a regular file gets, holes included; 0 for all else. */
  sizeBytes: number
  /** What a regular file takes on the disk, without its holes, where that is known. */
  allocatedBytes?: number
  /** Nanoseconds since the epoch, as far as the medium has them. */
  mtimeNs: bigint
  /** The permission bits, with set-user-ID, set-group-ID and sticky: 0 to 0o7777. */
  mode: number
  uid: number
  gid: number
  /** What a symbolic link contains. */
  linkTo?: Buffer
  /** An earlier name of the same file, where this is a further hard link of it; `sizeBytes` is that file's. */
  hardLinkTo?: Buffer
  /** Of the contents of a regular file, in hexadecimal digits, where it is known. */
  sha256?: string
}

/** Something that could not be read. */
export interface Unreadable {
  /** Undefined where it cannot be told what is missing, as behind the place where an archive is damaged. */
  path?: Buffer
  reason: string
}

export interface ExtractOptions {
  owners?: 'keep' | 'names' | 'me'
  alone?: boolean
}

export interface Extracted {
  /** Empty when all that was asked for is there. */
  unreadable: readonly Unreadable[]
}

/**
 * Reads a restore point. There is one reader for mirrors and one that reads an archive from its beginning, by tar, which
 * works for every archive of any age; a quicker one may stand in for the latter where there is a catalogue.
 */
export interface PointReader {
  /**
   * Everything in it, a folder before what is in it.
   * @param under Only this entry and what is below it; nothing where there is no such entry.
   * @param depth How many levels below it; 0 is itself alone. All unless given.
   * @throws {Error} While it is iterated, where no more can be read: what came before is good.
   */
  entries(under?: Buffer, depth?: number): AsyncIterable<Entry>
  /** Whether what is under a path is told without all the rest being read. */
  isIndexed(): Promise<boolean>
  /**
   * Writes what is asked for into an empty folder, each at its path below the folder of the source, with every attribute:
   * owners by number, modes, times, ACLs, extended attributes, hard links among what is asked for, holes. Folders above it
   * are made too. Nothing is written outside of `into`.
   * @param paths Each comes with everything below it; an empty path stands for the whole source. For a further name of a
   *   file (`hardLinkTo`) the earlier one has to be asked for too.
   * @param options.owners `me`: everything belongs to whoever runs this. All else keeps the numbers that it has; whoever wants
   *   it by name maps them afterwards.
   * @param options.alone Without what is below it.
   * @returns What could not be read; the rest is there.
   */
  extract(paths: readonly Buffer[], into: OpenFolder, options?: ExtractOptions): Promise<Extracted>
  /**
   * What the medium holds of some paths and of everything below them: no less than they take without their holes.
   * @returns undefined where that is not known.
   */
  storedBytes?(paths: readonly Buffer[]): Promise<number | undefined>
  /** The contents of a regular file, as a stream of bytes; it fails where there is none. */
  read(path: Buffer): Readable
  /** A tar stream that has all that is asked for in it, and may have more; of an archive that a catalogue knows. */
  tar?(paths: readonly Buffer[]): AsyncIterable<Buffer>
}
