import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, renameSync } from 'node:fs'
import { dirname } from 'node:path'
import { TerminalError } from '../../../errors.ts'
import { syncPath } from '../../archive/archive-file.ts'
import { CommandError, type CommandRunner } from '../../command/command.ts'
import { lastLines } from '../../command/output.ts'
import { writeSynced } from '../../write-synced.ts'
import { bareHost, type Reach, vaultText } from './ssh.ts'

/** A key of a host, as known_hosts has it. */
export interface HostKey {
  /** As `ssh-ed25519`. */
  type: string
  /** In base64. */
  key: string
}

type Place = Pick<Reach, 'user' | 'host' | 'port'>

/** As ssh(1) shows it: `SHA256:…`. */
export function fingerprintOf({ key }: HostKey): string {
  const digest = createHash('sha256').update(Buffer.from(key, 'base64')).digest('base64')
  return `SHA256:${digest.replace(/=+$/, '')}`
}

/**
 * Asks a host for its keys. Nobody knows yet whether it is the right one that answers.
 * @throws {TerminalError} It does not answer.
 */
export async function scanHostKeys(vault: Place, runner: CommandRunner): Promise<HostKey[]> {
  const host = bareHost(vault.host)
  const argv = ['ssh-keyscan', '-T', '10', '-p', String(vault.port), '--', host] as const
  const why = (stderr: string) => {
    const said = lastLines(stderr.replaceAll(/^#.*$/gm, ''), 1)
    return new TerminalError(`${vaultText(vault)} does not tell its keys${said ? `: ${said}` : ''}`, {
      hint: `is it on, and does its sshd listen at port ${vault.port}?`,
    })
  }
  try {
    const { stdout, stderr } = await runner.run({ argv, timeoutMs: 60_000 })
    const keys = linesOf(stdout).map(({ type, key }) => ({ type, key }))
    if (keys.length === 0) throw why(stderr)
    return keys
  } catch (error) {
    throw error instanceof CommandError ? why(error.stderr) : error
  }
}

/** The keys of a host in a file that `trustHostKeys` has written. */
export function knownHostKeys({ knownHosts, ...vault }: Place & Pick<Reach, 'knownHosts'>): HostKey[] {
  const name = knownName(vault)
  return linesOf(textOf(knownHosts))
    .filter(({ hosts }) => hosts.split(',').includes(name))
    .map(({ type, key }) => ({ type, key }))
}

/** Writes the keys of a host down in place of those that it had; those of others stay. All or nothing. */
export async function trustHostKeys(
  { knownHosts, ...vault }: Place & Pick<Reach, 'knownHosts'>,
  keys: readonly HostKey[],
): Promise<void> {
  const name = knownName(vault)
  const others = textOf(knownHosts)
    .split('\n')
    .filter((line) => line !== '' && !line.split(' ')[0]?.split(',').includes(name))
  const own = keys.map(({ type, key }) => `${name} ${type} ${key}`)
  mkdirSync(dirname(knownHosts), { recursive: true, mode: 0o700 })
  const text = [...others, ...own].map((line) => `${line}\n`).join('')
  writeSynced(`${knownHosts}.new`, 'w', 0o600, Buffer.from(text))
  renameSync(`${knownHosts}.new`, knownHosts)
  await syncPath(dirname(knownHosts))
}

/** @see sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT" */
function knownName({ host, port }: Place): string {
  const bare = bareHost(host)
  return port === 22 ? bare : `[${bare}]:${port}`
}

function linesOf(text: string): (HostKey & { hosts: string })[] {
  return text.split('\n').flatMap((line) => {
    const [, hosts, type, key] = /^(\S+) ([a-z0-9@.-]+) ([A-Za-z0-9+/=]{16,})(?: |$)/.exec(line) ?? []
    return hosts && type && key && !hosts.startsWith('#') ? [{ hosts, type, key }] : []
  })
}

function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return ''
    throw error
  }
}
