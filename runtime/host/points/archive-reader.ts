import { closeSync, constants, createReadStream, fstatSync, openSync, statSync } from 'node:fs'
import { Readable } from 'node:stream'
import { TerminalError } from '../../errors.ts'
import type { Compression } from '../archive/archive-compression.ts'
import { feed } from '../archive/catalogue/read-segments.ts'
import { type Command, CommandError, type CommandRunner } from '../command/command.ts'
import { lastLines } from '../command/output.ts'
import type { Entry, Extracted, ExtractOptions, PointReader } from './entry.ts'
import { joinPath, type OpenFolder } from './open-folder.ts'
import { listingOptions, memberOf } from './tar-listing.ts'

const timeoutMs = 7 * 24 * 3_600_000

/** An archive of a source, in which each name begins with that of the source. */
export interface ArchiveFile {
  /** Its folder is one that hdsync has made; it is opened without following a link in the file's own place. */
  path: string
  source: string
  compression: Compression
}

/** Reads an archive from its beginning, by tar(1). */
export function archiveReader(archive: ArchiveFile, runner: CommandRunner): PointReader {
  return {
    entries: (under = Buffer.alloc(0), depth) => entriesOf(archive, under, depth, runner),
    isIndexed: async () => false,
    extract: (paths, into, options) => extract(archive, paths, into, options, runner),
    storedBytes: () => unpackedBytes(archive, runner),
    read: (path) => Readable.from(contentsOf(archive, path, runner), { objectMode: false }),
  }
}

async function* entriesOf(
  archive: ArchiveFile,
  under: Buffer,
  depth: number | undefined,
  runner: CommandRunner,
): AsyncGenerator<Entry> {
  const others = new Map<string, Entry>()
  for await (const line of linesOf(outputOf(archive, ['--list', ...listingOptions], runner))) {
    const entry = memberOf(line)
    const path = entry && belowSource(entry.path, archive.source)
    // Names of another source, or that lead out of it, are not of this archive.
    if (!entry || !path) continue
    entry.path = path
    const whole = entry.hardLinkTo ? furtherName(entry, archive.source, others) : entry
    if (whole.type !== 'directory') others.set(path.toString('latin1'), whole)
    if (isBelow(path, under) && levels(path) - levels(under) <= (depth ?? Number.POSITIVE_INFINITY))
      yield whole
  }
}

/** What tar(1) writes of an archive, while somebody reads it. @throws {TerminalError} It cannot be read whole. */
async function* outputOf(
  archive: ArchiveFile,
  options: readonly string[],
  runner: CommandRunner,
  input?: Buffer,
): AsyncGenerator<Buffer> {
  using file = openFile(archive.path)
  const stop = new AbortController()
  const argv = ['tar', ...options, ...from(archive, file)] as unknown as Command['argv']
  const tar = await runner.open({ argv, timeoutMs, signal: stop.signal })
  tar.input.on('error', () => {})
  tar.input.end(input)
  try {
    for await (const chunk of tar.output) yield chunk as Buffer
    await tar.result
  } catch (error) {
    throw error instanceof CommandError ? damaged(archive.path, error) : error
  } finally {
    stop.abort(new TerminalError('nobody reads what tar(1) writes any more'))
    await tar.result.catch(() => {})
  }
}

/** As what it is a further name of. */
function furtherName(entry: Entry, source: string, others: ReadonlyMap<string, Entry>): Entry {
  const target = belowSource(entry.hardLinkTo ?? Buffer.alloc(0), source)
  const first = target && others.get(target.toString('latin1'))
  if (!first) return entry
  const { hardLinkTo = first.path } = first
  return { ...first, path: entry.path, hardLinkTo }
}

/** How much all of it is, unpacked: tar has no holes. @returns undefined where it cannot be read whole. */
async function unpackedBytes(archive: ArchiveFile, runner: CommandRunner): Promise<number | undefined> {
  using file = openFile(archive.path)
  if (archive.compression === 'none') return statSync(file.name).size
  const argv = [archive.compression, '--decompress', '--stdout'] as const
  const unpacking = await runner.open({ argv, timeoutMs })
  const feeding = feed(createReadStream(file.name), unpacking.input)
  feeding.catch(() => unpacking.input.destroy())
  let bytes = 0
  try {
    for await (const chunk of unpacking.output) bytes += (chunk as Buffer).length
    await Promise.all([feeding, unpacking.result])
    return bytes
  } catch {
    return undefined
  }
}

async function extract(
  archive: ArchiveFile,
  paths: readonly Buffer[],
  into: OpenFolder,
  options: ExtractOptions = {},
  runner: CommandRunner,
): Promise<Extracted> {
  if (paths.length === 0) return { unreadable: [] }
  using file = openFile(archive.path)
  const argv = [
    ...['tar', ...extracting(archive, into, options)],
    ...[...from(archive, file), '--files-from=-'],
  ] as unknown as Command['argv']
  const tar = await runner.open({ argv, timeoutMs, ofMachine: true })
  tar.output.resume()
  tar.input.on('error', () => {})
  const source = Buffer.from(archive.source)
  for (const path of paths) {
    tar.input.write(Buffer.concat([joinPath(source, path), Buffer.from([0])]))
  }
  tar.input.end()
  return await extractedBy(tar.result, archive.path)
}

/** How tar(1) is to extract, but for what and from where: each entry with all that it has, below its source's folder. */
export function extracting(
  archive: Pick<ArchiveFile, 'source'>,
  into: OpenFolder,
  { owners, alone = false }: ExtractOptions = {},
): string[] {
  return [
    ...['--extract', `--directory=${into.forCommands}`, ...withoutSource(archive)],
    ...[owners === 'me' ? '--no-same-owner' : '--same-owner', '--numeric-owner', '--same-permissions'],
    ...['--acls', '--xattrs', '--xattrs-include=*', '--delay-directory-restore'],
    // A folder is there once: when all are found, the rest of the archive is not read.
    ...(alone ? ['--no-recursion', '--occurrence=1'] : []),
    ...['--quoting-style=escape', '--null', '--no-unquote'],
  ]
}

/**
 * Has tar(1) extract from a stream.
 * @param argv As `extracting` has it, with `--file=-`.
 * @param label What messages call the stream.
 * @returns What it could not extract; why the stream broke off is among it.
 * @throws {CommandError} It could not do its work at all.
 */
export async function extractStream(
  stream: AsyncIterable<Buffer>,
  argv: Command['argv'],
  label: string,
  runner: CommandRunner,
): Promise<Extracted> {
  const tar = await runner.open({ argv, timeoutMs, ofMachine: true })
  tar.output.resume()
  tar.input.on('error', () => {})
  const feeding = feed(stream, tar.input)
  feeding.catch(() => tar.input.destroy())
  const extracted = await extractedBy(tar.result, label)
  const reason = await feeding.then(
    () => undefined,
    (error: Error) => error.message,
  )
  if (reason === undefined) return extracted
  return { unreadable: [...extracted.unreadable, { reason: `${label}: ${reason}` }] }
}

/** What tar(1) could not extract. @throws {CommandError} It could not do its work at all. */
async function extractedBy(tar: Promise<unknown>, path: string): Promise<Extracted> {
  try {
    await tar
    return { unreadable: [] }
  } catch (error) {
    if (!(error instanceof CommandError) || error.exitCode !== 2) throw error
    const said = error.stderr
      .split('\n')
      .filter((line) => line !== '' && !/^tar: (?:Exiting|Error is not)/.test(line))
    const reasons = said.length > 0 ? said : [error.message]
    return { unreadable: reasons.map((reason) => ({ reason: `${path}: ${reason}` })) }
  }
}

async function* contentsOf(
  archive: ArchiveFile,
  path: Buffer,
  runner: CommandRunner,
): AsyncGenerator<Buffer> {
  let wanted: Entry | undefined
  for await (const entry of entriesOf(archive, path, 0, runner)) {
    wanted = entry
    break
  }
  if (!wanted) throw new TerminalError(`${path} is not in ${archive.path}`)
  if (wanted.type !== 'file') throw new TerminalError(`${path} is no regular file`)
  const options = ['--extract', '--to-stdout', '--occurrence=1', '--null', '--no-unquote', '--files-from=-']
  const name = [Buffer.from(`${archive.source}/`), wanted.hardLinkTo ?? path, Buffer.from([0])]
  yield* outputOf(archive, options, runner, Buffer.concat(name))
}

function damaged(path: string, { stderr, message }: CommandError): TerminalError {
  return new TerminalError(`${path} cannot be read whole: ${lastLines(stderr, 2) || message}`)
}

function openFile(path: string): { name: string; [Symbol.dispose](): void } {
  const fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
  const close = () => closeSync(fd)
  if (fstatSync(fd).isFile()) return { name: `/proc/${process.pid}/fd/${fd}`, [Symbol.dispose]: close }
  close()
  throw new TerminalError(`${path} is no file`)
}

/**
 * Takes the name of the source from the names of members, and of what hard links lead to (`S`: not of symbolic links). Its own
 * folder becomes the one that is unpacked into, with its attributes; `--strip-components` would leave that one out.
 */
function withoutSource({ source }: Pick<ArchiveFile, 'source'>): string[] {
  const name = source.replaceAll('.', '\\.')
  return [`--transform=s,^${name}/,./,S;s,^${name}$,.,S`]
}

const programs: Record<Compression, string[]> = { zstd: ['--zstd'], gzip: ['--gzip'], none: [] }

function from({ compression }: ArchiveFile, file: { name: string }): string[] {
  return [...programs[compression], `--file=${file.name}`]
}

/** Undefined for what is not below the folder of the source. */
function belowSource(member: Buffer, source: string): Buffer | undefined {
  const prefix = Buffer.from(`${source}/`)
  const path = Buffer.from(member.equals(prefix.subarray(0, -1)) ? '' : member.subarray(prefix.length))
  if (path.length > 0 && !member.subarray(0, prefix.length).equals(prefix)) return undefined
  const names = path.toString('latin1').split('/')
  return path.length > 0 && names.some((name) => ['', '.', '..'].includes(name)) ? undefined : path
}

function isBelow(path: Buffer, under: Buffer): boolean {
  if (under.length === 0 || path.equals(under)) return true
  return path[under.length] === 0x2f && path.subarray(0, under.length).equals(under)
}

/** How many names a path has. */
function levels(path: Buffer): number {
  if (path.length === 0) return 0
  let count = 1
  for (const byte of path) if (byte === 0x2f) count += 1
  return count
}

async function* linesOf(chunks: AsyncIterable<Buffer>): AsyncGenerator<string> {
  let rest = ''
  for await (const chunk of chunks) {
    const lines = (rest + chunk.toString('latin1')).split('\n')
    rest = lines.pop() ?? ''
    yield* lines
  }
}
