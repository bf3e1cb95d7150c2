import type { Command, CommandRunner } from '../command/command.ts'
import { listLine } from '../mirror/rsync-argv.ts'
import type { OpenFolder } from './open-folder.ts'

const timeoutMs = 24 * 3_600_000

/**
 * Gives folders in one tree the attributes that they have in another: owner, mode, times, ACLs, extended attributes. They are
 * made where they are missing; what is in them is left alone.
 * @param paths Of the folders; an empty one is the tree itself. Those that are not there are passed over.
 */
export async function copyFolders(
  paths: readonly Buffer[],
  from: OpenFolder,
  to: OpenFolder,
  runner: CommandRunner,
  { owners = 'keep' }: { owners?: 'keep' | 'names' | 'me' | undefined } = {},
): Promise<void> {
  const common = [
    ...['rsync', '--archive', '--no-recursive', '--dirs', '--acls', '--xattrs', '--xattrs', '--numeric-ids'],
    // Otherwise times are left alone that are right to the second.
    '--modify-window=-1',
    ...(owners === 'me' ? ['--no-owner', '--no-group'] : []),
  ]
  const places = [`${from.forCommands}/`, `${to.forCommands}/`]
  const below = paths.filter(({ length }) => length > 0)
  if (below.length > 0) {
    // What lies above them keeps what it has.
    const list = ['--no-implied-dirs', '--ignore-missing-args', '--from0', '--files-from=-']
    const rsync = await runner.open({
      argv: [...common, ...list, ...places] as Command['argv'] & string[],
      timeoutMs,
      ofMachine: true,
    })
    rsync.output.resume()
    rsync.input.on('error', () => {})
    for (const path of below) rsync.input.write(listLine(path))
    rsync.input.end()
    await rsync.result
  }
  // Of the tree itself rsync takes what is in it too, unless that is left out.
  if (below.length < paths.length) {
    await runner.run({
      argv: [...common, '--exclude=/*', ...places] as unknown as Command['argv'],
      timeoutMs,
      ofMachine: true,
    })
  }
}
