import type { Command, CommandRunner } from '../command/command.ts'
import { listLine } from '../mirror/rsync-argv.ts'
import { OpenFolder } from './open-folder.ts'

const timeoutMs = 7 * 24 * 3_600_000

/**
 * What is in both of two folders, but with other ACLs or extended attributes. Writes nothing.
 * @param paths Each with everything below it; an empty one is the whole folder.
 * @param words Further ones for rsync: how owners are mapped.
 * @returns Paths, each byte a character; an empty one is the folder itself.
 * @see rsync(1), --itemize-changes
 */
export async function attributesDiffer(
  from: string,
  to: string,
  paths: readonly Buffer[],
  runner: CommandRunner,
  words: readonly string[] = [],
): Promise<Set<string>> {
  using top = OpenFolder.at(from)
  using live = OpenFolder.at(to)
  const options = ['--archive', '--hard-links', '--acls', '--xattrs', '--xattrs', '--numeric-ids']
  const argv: Command['argv'] = [
    ...(['rsync', '--dry-run', '--recursive', ...options, '--modify-window=-1'] as const),
    ...['--one-file-system', '--existing', '--ignore-missing-args', '--no-implied-dirs'],
    ...['--from0', '--files-from=-', '--out-format=%i %n', ...words],
    ...[`${top.forCommands}/`, `${live.forCommands}/`],
  ]
  // What cannot be read, or goes away meanwhile, is found where it is brought back.
  const rsync = await runner.open({ argv, timeoutMs, accept: [0, 23, 24] })
  rsync.input.on('error', () => {})
  for (const path of paths) rsync.input.write(listLine(path))
  rsync.input.end()
  const found = new Set<string>()
  let rest = ''
  for await (const chunk of rsync.output) {
    const lines = (rest + (chunk as Buffer).toString('latin1')).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) {
      const path = differingPath(line)
      if (path !== undefined) found.add(path)
    }
  }
  await rsync.result
  return found
}

/** `.f.......ax with space/old`: `a` stands for ACLs and `x` for extended attributes. */
const itemized = /^[.<>ch][fdLDS].{7}(?:a.|.x)(?:\S*) (.+)$/s

/** Reads a line of rsync, which writes unusual bytes as `\#ooo`. */
function differingPath(line: string): string | undefined {
  const name = itemized
    .exec(line)?.[1]
    ?.replace(/\\#(\d{3})/g, (_, octal) => String.fromCharCode(Number.parseInt(octal, 8)))
  return name?.replace(/\/$/, '').replace(/^\.$/, '')
}
