import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { appRoot } from '../../app-root.ts'
import { configFile, DEFAULT_CONFIG_FILE } from '../../config/config-file.ts'
import { loadConfig } from '../../config/load.ts'
import { defaultState, vaultSocketPath } from '../../config/socket.ts'
import { vaultHostName } from '../../config/vault.ts'
import { UsageError } from '../../errors.ts'
import type { CommandRunner } from '../../host/command/command.ts'
import { authorize, keyLine, parseKey } from '../../host/vault/authorized-keys.ts'
import { hostOfUser, makeHostFolder, makeVault } from '../../host/vault/host-folder.ts'
import {
  letIn,
  makeHostUser,
  othersInGroupOf,
  type UnixUser,
  unixUser,
  userNameOf,
  vaultGroupId,
} from '../../host/vault/host-user.ts'
import type { Io } from '../io.ts'
import { notRoot } from '../needs-root.ts'
import { toolsFor, vaultOf } from '../vault/door.ts'
import { giveLine, giveText } from '../vault/give-line.ts'

interface AddHostOptions {
  config?: string
  /** File of the public key of the host; `-` is standard input. */
  key?: string
  /** A user that is there, in place of one that is made. */
  user?: string
  json?: boolean
}

/**
 * `hdsync vault add-host`: prepares the vault for a host: its user, its folders, and the line that lets its key in. Safe to
 * repeat: with another key, that one is let in too. Of a host that the vault fetches from, it prints the line that lets the vault in there.
 */
export async function addHostCommand(host: string, options: AddHostOptions, io: Io): Promise<number> {
  const config = await loadConfig({ path: options.config, env: io.env })
  const vault = vaultOf(config)
  if (!vaultHostName.safeParse(host).success)
    throw new UsageError(`${host} is no name of a host`, {
      hint: 'lower-case letters, digits and `-`, beginning with a letter, at most 24',
    })
  const given =
    options.key === undefined
      ? undefined
      : parseKey(readFileSync(options.key === '-' ? 0 : options.key, 'utf8'))
  const { runner } = toolsFor(vault)
  const home = join(vault.path, host)
  const own = process.geteuid?.() ?? 0
  const { user, isNew } = await userFor(host, home, options, own)
  if (own !== 0 && user.uid !== own)
    throw notRoot('only root may give folders to another user', `vault add-host ${host}`)
  makeVault(vault.path, vault.concurrency, own === 0 ? await vaultGroupId(runner) : undefined)
  makeHostFolder(vault.path, host, user)
  const isOwn = user.uid === own
  const line = keyLine(
    commandFor(host),
    given ? `${given.key}${given.comment && ` ${given.comment}`}` : 'KEY',
  )
  const file = given && authorize(home, line, given.key)
  const isKnown = Object.hasOwn(vault.hosts, host)
  const isHome = user.home === home
  const pull = isKnown ? vault.hosts[host]?.pull : undefined
  if (options.json) {
    io.stdout(
      `${JSON.stringify({ host, user: user.name, isNew, line, file: file ?? null, isKnown, ...(pull && { pullLine: giveLine(pull) }) })}\n`,
    )
    return 0
  }
  if (pull && !given) {
    io.stdout(`what comes of ${host} is written by user ${user.name}; its folder is ${home}\n`)
    io.stdout(giveText(host, pull))
    return 0
  }
  io.stdout(`${host} sends as user ${user.name}${isNew ? ', which was made' : ''}; its folder is ${home}\n`)
  if (file && isHome) io.stdout(`its key is let in: ${file}\n`)
  else {
    const where = isHome ? join(home, '.ssh/authorized_keys') : `~${user.name}/.ssh/authorized_keys`
    io.stdout(
      `the line for ${where}${given ? '' : ', with the public key of the host for KEY'}:\n\n${line}\n\n`,
    )
    if (!given) io.stdout(`or have it written: hdsync vault add-host ${host} --key FILE\n`)
  }
  if (!isKnown)
    io.stdout(
      `next: add the host to ${config.file}: \`vault: { hosts: { ${host}: {} } }\`, and systemctl reload hdsync\n`,
    )
  if (isOwn)
    io.stderr(
      `hdsync: ${user.name} owns the vault too: whoever has taken over ${host} and its key is kept from older copies by hdsync receive alone\n`,
    )
  else io.stdout(`next: systemctl add-wants multi-user.target hdsync && systemctl restart hdsync\n`)
  io.stdout(
    `on ${host}: \`copies: { offsite: { ssh: ${user.name}@THIS-MACHINE, keyFile: /etc/hdsync/vault.key, … } }\`\n`,
  )
  return 0

  async function userFor(
    name: string,
    folder: string,
    { user: named }: AddHostOptions,
    uid: number,
  ): Promise<{ user: UnixUser; isNew: boolean }> {
    if (named !== undefined) {
      const found = await unixUser(named, runner)
      if (!found) throw new UsageError(`there is no user ${named}`)
      if (found.uid !== uid) await proveOfThisHost(found, name, vault.path, runner)
      if (uid === 0 && found.uid !== 0) await letIn(named, runner)
      return { user: found, isNew: false }
    }
    if (uid === 0) {
      const made = await makeHostUser(userNameOf(name), folder, runner)
      if (!made.isNew) await proveOfThisHost(made.user, name, vault.path, runner)
      return made
    }
    throw notRoot('only root may make a user', `vault add-host ${name}`)
  }

  function commandFor(name: string): string[] {
    const file = configFile({ path: options.config, env: io.env })
    const socket =
      config.state === defaultState && !config.http?.socket ? [] : ['--socket', vaultSocketPath(config)]
    // The user of a host cannot read the config, and has not to.
    const where = own === 0 && !isRoot() ? socket : file === DEFAULT_CONFIG_FILE ? [] : ['--config', file]
    return [programFile(), 'receive', name, ...where]
  }

  function isRoot(): boolean {
    return user.uid === 0
  }
}

/** @throws {UsageError} Others than this host would read or write what is meant for it. */
async function proveOfThisHost(
  user: UnixUser,
  host: string,
  vault: string,
  runner: CommandRunner,
): Promise<void> {
  const hint = `without --user, one is made for ${host} alone`
  const other = hostOfUser(vault, user.uid, host)
  if (other !== undefined) throw new UsageError(`${user.name} is the user of ${other}`, { hint })
  const others = await othersInGroupOf(user, runner)
  if (others.length === 0) return
  const names = others.slice(0, 3).join(', ')
  throw new UsageError(
    `${names} ${others.length > 3 ? `and ${others.length - 3} more ` : ''}could read the copies of ${host}: they are in the group ${user.gid} of ${user.name}`,
    { hint },
  )
}

/** What starts this hdsync, by its true path. */
function programFile(): string {
  const installed = '/usr/bin/hdsync'
  const own = [join(appRoot, 'bin/hdsync'), join(appRoot, 'deploy/bin/hdsync')].find((file) =>
    existsSync(file),
  )
  const isInstalled = appRoot === '/usr/lib/hdsync' && existsSync(installed)
  return isInstalled || own === undefined ? installed : own
}
