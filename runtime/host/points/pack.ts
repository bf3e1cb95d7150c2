import { TarSplitter } from '../archive/pieces/pieces.ts'
import type { Command, CommandRunner } from '../command/command.ts'
import { OpenFolder } from './open-folder.ts'

const timeoutMs = 7 * 24 * 3_600_000
/** What ends a tar archive. */
const endBytes = 1024

/** Names as they stand in an archive, each byte a character. */
export type Named = ReadonlySet<string>

/**
 * Packs entries of a mirror into a tar stream, as an archive of hdsync has them, without what is in folders among them.
 * @param paths Below the folder of the source, each byte a character.
 */
export async function* packMirror(
  root: string,
  source: string,
  paths: Iterable<string>,
  runner: CommandRunner,
): AsyncGenerator<Buffer> {
  using top = OpenFolder.at(root)
  const stop = new AbortController()
  const options = [
    ...['--create', '--file=-', '--format=posix', '--acls', '--xattrs', '--xattrs-include=user.*'],
    ...['--numeric-owner', '--sparse', `--directory=${top.forCommands}`, `--transform=s,^\\.,${source},S`],
    ...['--no-recursion', '--null', '--no-unquote', '--files-from=-'],
  ]
  const tar = await runner.open({
    argv: ['tar', ...options] as Command['argv'] & string[],
    timeoutMs,
    signal: stop.signal,
  })
  tar.input.on('error', () => {})
  for (const path of paths) tar.input.write(Buffer.from(path === '' ? '.\0' : `./${path}\0`, 'latin1'))
  tar.input.end()
  try {
    for await (const chunk of tar.output) yield chunk as Buffer
    await tar.result
  } finally {
    stop.abort(new Error('nobody reads on'))
    await tar.result.catch(() => {})
  }
}

/**
 * Leaves of a tar stream only the members of some names.
 * @param signal Looked at while nothing is passed on, too: the first of those members may come late.
 * @throws {Error} It is damaged, or the signal was aborted.
 */
export async function* membersNamed(
  tar: AsyncIterable<Buffer>,
  names: Named,
  signal: AbortSignal,
): AsyncGenerator<Buffer> {
  let head: Buffer[] = []
  let passes: boolean | undefined
  let out: Buffer[] = []
  const splitter = new TarSplitter({
    // The memory of a chunk is used again once the next one is asked for.
    bytes(chunk) {
      if (passes === undefined) head.push(Buffer.from(chunk))
      else if (passes) out.push(Buffer.from(chunk))
    },
    begin(member) {
      passes = member !== undefined && names.has(member.name.toString('latin1'))
      if (passes) out.push(...head)
      head = []
    },
    member() {
      passes = undefined
    },
  })
  for await (const chunk of tar) {
    signal.throwIfAborted()
    splitter.add(chunk)
    yield* out
    out = []
    if (splitter.ended) break
  }
  if (!splitter.isBetween) throw new Error('the archive has lost its end')
  yield Buffer.alloc(endBytes)
}
