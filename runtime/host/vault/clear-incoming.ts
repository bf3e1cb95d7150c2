import { join } from 'node:path'
import type { CommandRunner } from '../command/command.ts'
import type { HostFolder } from './host-folder.ts'

/**
 * Removes what lies in `incoming` and has no business there: whatever is no file of one of these names. It is done as the user of
 * the host, who could swap a folder for a link meanwhile, and must not have root follow it.
 */
export async function clearIncoming(
  { incoming, path, ids }: HostFolder,
  keep: ReadonlySet<string>,
  runner: CommandRunner,
): Promise<void> {
  const strange = incoming.names().filter((name) => !keep.has(name) || !incoming.look(name)?.isFile())
  if (strange.length === 0) return
  const isOther = process.geteuid?.() === 0 && ids.uid !== 0
  const asUser = ['setpriv', `--reuid=${ids.uid}`, `--regid=${ids.gid}`, '--clear-groups', '--']
  const [program = 'rm', ...words] = [...(isOther ? asUser : []), 'rm', '-rf', '--']
  // A flood of names is more than one command line takes.
  for (let at = 0; at < strange.length; at += atOnce) {
    const paths = strange.slice(at, at + atOnce).map((name) => join(path, 'incoming', name))
    await runner.run({ argv: [program, ...words, ...paths], timeoutMs: 3_600_000 })
  }
  incoming.sync()
}

const atOnce = 200
