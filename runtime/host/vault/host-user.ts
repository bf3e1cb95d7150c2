import { TerminalError } from '../../errors.ts'
import type { CommandRunner } from '../command/command.ts'
import { localIds } from '../owners/local-ids.ts'
import type { Ids } from './host-folder.ts'

/** The group of the users of hosts: it may open the socket of the vault. */
export const vaultGroup = 'hdsync-vault'

/** A unix user, as getent(1) tells it. */
export interface UnixUser extends Ids {
  name: string
  home: string
}

/** The user of a host unless another one is named. */
export function userNameOf(host: string): string {
  return `hdsync-${host}`
}

/** @returns undefined where there is none. */
export async function unixUser(name: string, runner: CommandRunner): Promise<UnixUser | undefined> {
  const { stdout } = await runner.run({ argv: ['getent', '--', 'passwd', name], timeoutMs, accept: [0, 2] })
  const [found = '', , uid, gid, , home = ''] = stdout.trim().split(':')
  return found === name ? { name, uid: Number(uid), gid: Number(gid), home } : undefined
}

/**
 * Makes the user of a host if it is not there: without a password, and with a shell, as sshd(8) runs forced commands by it.
 * @param home Of root: the user writes nothing there.
 * @returns The user, and whether it was made.
 * @throws {CommandError} This is not root.
 */
export async function makeHostUser(
  name: string,
  home: string,
  runner: CommandRunner,
): Promise<{ user: UnixUser; isNew: boolean }> {
  const known = await unixUser(name, runner)
  if (known) {
    await letIn(name, runner)
    return { user: known, isNew: false }
  }
  await makeGroup(runner)
  const words = ['--system', '--user-group', '--groups', vaultGroup, '--no-create-home', '--home-dir', home]
  // `*` is no password, and no locked account either, which sshd would refuse.
  const argv = ['useradd', ...words, '--shell', '/bin/sh', '--password', '*', '--', name] as const
  await runner.run({ argv, timeoutMs })
  const user = await unixUser(name, runner)
  if (!user) throw new TerminalError(`useradd made no user ${name}`)
  return { user, isNew: true }
}

/** Lets a user ask the daemon of the vault. Safe to repeat. @throws {CommandError} This is not root. */
export async function letIn(name: string, runner: CommandRunner): Promise<void> {
  await makeGroup(runner)
  await runner.run({ argv: ['usermod', '--append', '--groups', vaultGroup, name], timeoutMs })
}

/** The group of the users of hosts. @returns undefined where there is none. */
export async function vaultGroupId(runner: CommandRunner): Promise<number | undefined> {
  return (await localIds('group', [vaultGroup], runner)).get(vaultGroup)
}

/**
 * Who else is in the first group of a user, which may read the copies that are laid for it.
 * @see getent(1): a directory service may not tell all its users.
 */
export async function othersInGroupOf({ name, gid }: UnixUser, runner: CommandRunner): Promise<string[]> {
  const group = await runner.run({ argv: ['getent', 'group', String(gid)], timeoutMs, accept: [0, 2] })
  const members = group.stdout.trim().split(':')[3]?.split(',') ?? []
  const { stdout } = await runner.run({ argv: ['getent', 'passwd'], timeoutMs })
  const owners = stdout.split('\n').flatMap((line) => {
    const [user = '', , , theirs] = line.split(':')
    return theirs === String(gid) ? [user] : []
  })
  return [...new Set([...members, ...owners])].filter((one) => one !== '' && one !== name)
}

async function makeGroup(runner: CommandRunner): Promise<void> {
  if ((await vaultGroupId(runner)) === undefined)
    await runner.run({ argv: ['groupadd', '--system', vaultGroup], timeoutMs })
}

const timeoutMs = 60_000
