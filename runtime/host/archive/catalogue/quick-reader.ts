import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs'
import type { FileHandle } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { TerminalError } from '../../../errors.ts'
import type { Command, CommandRunner } from '../../command/command.ts'
import { extracting, extractStream } from '../../points/archive-reader.ts'
import type { Entry, Extracted, PointReader } from '../../points/entry.ts'
import { Folder } from '../../target/safe-open.ts'
import type { Compression } from '../archive-compression.ts'
import type { ArchiveFile } from '../archive-file.ts'
import { ArchiveTail, readSeekTable, readTailHeader } from '../pieces/pieces.ts'
import type { Point } from './bring-up.ts'
import { Catalogue } from './catalogue.ts'
import { catalogueFolder } from './catalogue-file.ts'
import { fileOf, openArchive } from './from-archives.ts'
import { feed, type Range, unpacked } from './read-segments.ts'

const timeoutMs = 7 * 24 * 3_600_000
/** Of more than that share of an archive it is quicker to have tar(1) read all, as no byte of it goes through this process then. */
const mostShare = 0.5
const entriesATurn = 1000

/** An archive on a disk of backups. */
export interface ArchiveOnDisk {
  source: string
  /** Of the target. */
  root: string
  /** `Thursday/var.tar.zst` */
  name: string
  compression: Compression
}

/**
 * Reads an archive by its catalogue, which lies on the same disk, and by what stands at its end: what is in it is known
 * without reading it, and of what is taken out of it only the segments are read.
 * @param slow Stands in where there is no catalogue that knows it, and for what needs most of it.
 * @param onUnknown Told that no catalogue knows it.
 */
export function quickReader(
  archive: ArchiveOnDisk,
  slow: PointReader,
  runner: CommandRunner,
  onUnknown: () => void = () => {},
): PointReader {
  const open = async () => {
    const known = await Known.open(archive)
    if (!known) onUnknown()
    return known
  }
  return {
    async *entries(under, depth) {
      await using known = await open()
      if (known) yield* known.catalogue.entries(known.seq, under, depth) as Iterable<Entry>
      else yield* slow.entries(under, depth)
    },
    async isIndexed() {
      await using known = await Known.open(archive)
      return known !== undefined
    },
    async extract(paths, into, options = {}) {
      if (paths.length === 0) return { unreadable: [] }
      await using known = await open()
      const ranges = known && (await known.rangesUnder(paths, options.alone ? 0 : undefined))
      if (!known || !ranges) return await slow.extract(paths, into, options)
      const list = { source: archive.source, paths }
      const argv = extracting(archive, into, options)
      return await extract(archive, known.file, ranges, { list, argv }, runner)
    },
    async storedBytes(paths) {
      await using known = await Known.open(archive)
      return (await known?.storedBytes(paths)) ?? (await slow.storedBytes?.(paths))
    },
    read: (path) => Readable.from(contentsOf(archive, path, { open, slow }, runner), { objectMode: false }),
    async *tar(paths) {
      await using known = await Known.open(archive)
      if (!known) throw new TerminalError(`no catalogue knows ${join(archive.root, archive.name)}`)
      const { size } = await known.file.stat()
      const ranges = (await known.rangesUnder(paths, undefined)) ?? [{ offset: 0, length: size }]
      yield* unpacked(known.file, ranges, archive.compression, runner)
    },
  }
}

/** An archive that is open, and that its catalogue knows. */
class Known implements AsyncDisposable {
  readonly catalogue: Catalogue
  readonly file: FileHandle
  readonly seq: number

  private constructor(catalogue: Catalogue, file: FileHandle, seq: number) {
    this.catalogue = catalogue
    this.file = file
    this.seq = seq
  }

  /** @returns undefined where the catalogue is missing, or does not know the archive. */
  static async open({ root, source, name }: ArchiveOnDisk): Promise<Known | undefined> {
    const catalogue = openCatalogue(root, source)
    if (!catalogue) return undefined
    let file: FileHandle | undefined
    try {
      file = await openArchive(root, name)
      const seq = await seqOf(catalogue, file)
      if (seq !== undefined) return new Known(catalogue, file, seq)
    } catch {
      // Whoever reads it from its beginning says what is wrong.
    }
    catalogue[Symbol.dispose]()
    await file?.close()
    return undefined
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.catalogue[Symbol.dispose]()
    await this.file.close()
  }

  /** Where everything at and below some paths lies. @returns undefined where that is most of the archive, or not known. */
  async rangesUnder(paths: readonly Buffer[], depth: number | undefined): Promise<Range[] | undefined> {
    const ranges = await this.ranges(await this.#tagsUnder(paths, depth))
    const { size } = await this.file.stat()
    const bytes = ranges?.reduce((sum, { length }) => sum + length, 0) ?? 0
    return bytes > size * mostShare ? undefined : ranges
  }

  /** A daemon does other things meanwhile, now and then: the catalogue itself is read without waiting for anything. */
  async #tagsUnder(paths: readonly Buffer[], depth?: number): Promise<Set<bigint>> {
    const tags = new Set<bigint>()
    let count = 0
    for (const path of paths)
      for (const { tag } of this.catalogue.entries(this.seq, path, depth)) {
        tags.add(tag)
        if (++count % entriesATurn === 0) await nextTurn()
      }
    return tags
  }

  /** What the segments hold in which everything at and below some paths stands: tar has no holes. */
  async storedBytes(paths: readonly Buffer[]): Promise<number | undefined> {
    const tail = await ArchiveTail.read(this.file)
    const frames = await readSeekTable(this.file)
    if (!tail || !frames) return undefined
    const tags = await this.#tagsUnder(paths)
    let [bytes, n] = [0, 0]
    for (const { tag, offset, length } of tail.places()) {
      const isWanted = tags.delete(tag)
      for (let frame = frames[n]; frame && frame.offset < offset + length; frame = frames[++n])
        if (isWanted) bytes += frame.contentBytes
    }
    return tags.size > 0 ? undefined : bytes
  }

  async ranges(tags: Set<bigint>): Promise<Range[] | undefined> {
    const tail = await ArchiveTail.read(this.file)
    if (!tail) return undefined
    const ranges: Range[] = []
    for (const { tag, offset, length } of tail.places()) {
      // The end of the tar comes with whatever is taken out of it.
      if (tag !== 0n && !tags.delete(tag)) continue
      const last = ranges.at(-1)
      if (last && last.offset + last.length === offset) last.length += length
      else ranges.push({ offset, length })
    }
    // A segment that is missing was known by another name: the archive has been catalogued without its tail.
    return tags.size > 0 ? undefined : ranges
  }
}

/** The catalogue of a source that lies on a disk of backups. */
export function openCatalogue(root: string, source: string): Catalogue | undefined {
  try {
    using top = Folder.existing(root)
    using folder = top.folder(catalogueFolder)
    return folder && Catalogue.open(folder, source)
  } catch {
    return undefined
  }
}

/** Which of the archives in a catalogue a file is: the same file, or a copy with the same end. */
export async function seqOf(catalogue: Catalogue, file: FileHandle): Promise<number | undefined> {
  const points = catalogue.points()
  const same = seqOfFile(points, await fileOf(file))
  if (same !== undefined) return same
  const header = await readTailHeader(file)
  return header && points.findLast(({ archive }) => archive === header.id)?.seq
}

/** The same by what is known of a file that is not open. @param points Of the catalogue. @returns undefined for a copy. */
export function seqOfFile(
  points: readonly Point[],
  { file, sizeBytes }: Pick<ArchiveFile, 'file' | 'sizeBytes'>,
): number | undefined {
  return points.findLast((point) => point.file === file && point.sizeBytes === sizeBytes)?.seq
}

async function extract(
  { name, root, compression }: ArchiveOnDisk,
  file: FileHandle,
  ranges: readonly Range[],
  wanted: { list: { source: string; paths: readonly Buffer[] }; argv: readonly string[] },
  runner: CommandRunner,
): Promise<Extracted> {
  using list = new NameList(wanted.list.source, wanted.list.paths)
  const argv: Command['argv'] = ['tar', ...wanted.argv, '--file=-', `--files-from=${list.path}`]
  return await extractStream(unpacked(file, ranges, compression, runner), argv, join(root, name), runner)
}

async function* contentsOf(
  archive: ArchiveOnDisk,
  path: Buffer,
  { open, slow }: { open: () => Promise<Known | undefined>; slow: PointReader },
  runner: CommandRunner,
): AsyncGenerator<Buffer> {
  await using known = await open()
  const named = known?.catalogue.entryAt(known.seq, path)
  const entry = named?.hardLinkTo ? known?.catalogue.entryAt(known.seq, named.hardLinkTo) : named
  const ranges = entry && (await known?.ranges(new Set([entry.tag])))
  if (!known || !entry || !ranges || entry.type !== 'file') {
    yield* slow.read(path)
    return
  }
  using list = new NameList(archive.source, [entry.path])
  const stop = new AbortController()
  const argv = ['tar', '--extract', '--to-stdout', '--file=-', '--null', '--no-unquote'] as const
  const words: Command['argv'] = [...argv, `--files-from=${list.path}`]
  const tar = await runner.open({ argv: words, timeoutMs, signal: stop.signal })
  tar.input.on('error', () => {})
  const feeding = feed(unpacked(known.file, ranges, archive.compression, runner), tar.input)
  feeding.catch((error) => tar.output.destroy(error))
  try {
    for await (const chunk of tar.output) yield chunk as Buffer
    await feeding
    await tar.result
  } finally {
    stop.abort(new TerminalError('nobody reads what tar(1) writes any more'))
    await tar.result.catch(() => {})
    await feeding.catch(() => {})
  }
}

/** Names of members, in a file that nobody else can name. Names of any bytes cannot be given as words. */
class NameList implements Disposable {
  readonly path: string
  readonly #fd: number

  constructor(source: string, paths: readonly Buffer[]) {
    const folder = mkdtempSync(join(tmpdir(), 'hdsync-names-'))
    try {
      const file = join(folder, 'names')
      const names = paths.map((path) =>
        path.length === 0
          ? Buffer.from(`${source}\0`)
          : Buffer.concat([Buffer.from(`${source}/`), path, end]),
      )
      writeFileSync(file, Buffer.concat(names), { mode: 0o600 })
      this.#fd = openSync(file, 'r')
      this.path = `/proc/${process.pid}/fd/${this.#fd}`
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  }

  [Symbol.dispose](): void {
    closeSync(this.#fd)
  }
}

const end = Buffer.from([0])
