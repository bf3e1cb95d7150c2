import type { Command, CommandRunner } from '../command/command.ts'
import type { OpenFolder } from '../points/open-folder.ts'

const timeoutMs = 7 * 24 * 3_600_000

/** Whose what is brought back is: `keep` has its numbers, `names` its names, `me` makes all of it the user's own. */
export type Owners = 'keep' | 'names' | 'me'

/** Numbers of owners in a restore point, and those that they get here: pairs that differ. */
export interface OwnerMap {
  users: [from: number, to: number][]
  groups: [from: number, to: number][]
}

/**
 * Words for rsync(1) that map owners; none where nothing is mapped. Owners in ACLs are mapped only where all is read before
 * anything is done; else a further name of a file could be mapped twice, too.
 */
export function ownerWords({ users, groups }: OwnerMap): string[] {
  const pairs = (map: OwnerMap['users']) => map.map(([from, to]) => `${from}:${to}`).join(',')
  if (users.length + groups.length === 0) return []
  return [
    '--no-inc-recursive',
    ...(users.length > 0 ? [`--usermap=${pairs(users)}`] : []),
    ...(groups.length > 0 ? [`--groupmap=${pairs(groups)}`] : []),
  ]
}

/** What one word for a command may take, with the NUL at its end. @see execve(2), MAX_ARG_STRLEN */
const mostBytes = 128 * 1024

/** Whether so many owners are mapped that rsync(1) cannot be told: it takes all pairs of a kind in one word. */
export function isTooLarge(map: OwnerMap): boolean {
  return ownerWords(map).some((word) => word.length >= mostBytes)
}

/**
 * Maps the owners of everything in a folder, and in its ACLs; set-user-ID bits, capabilities and times stay as they are. Not safe
 * to repeat: what is mapped already would be mapped again.
 * @see chown(2), which clears set-user-ID bits and capabilities: rsync(1) sets them again.
 */
export async function mapOwners(folder: OpenFolder, map: OwnerMap, runner: CommandRunner): Promise<void> {
  const words = ownerWords(map)
  if (words.length === 0) return
  const place = `${folder.forCommands}/`
  const argv: Command['argv'] = [
    ...(['rsync', '--archive', '--hard-links', '--acls', '--xattrs', '--xattrs', '--numeric-ids'] as const),
    ...['--modify-window=-1', ...words, place, place],
  ]
  await runner.run({ argv, timeoutMs, ofMachine: true })
}
