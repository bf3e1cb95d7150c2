import { chmodSync } from 'node:fs'
import { join } from 'node:path'
import { UsageError } from '../../errors.ts'
import { shellQuote } from '../../shell-quote.ts'
import { Folder } from '../target/safe-open.ts'

const publicKey =
  /^(?<key>(?:ssh-(?:ed25519|rsa)|ecdsa-sha2-nistp\d{3}|sk-(?:ssh-ed25519|ecdsa-sha2-nistp256)@openssh\.com) [A-Za-z0-9+/]+={0,2})(?: (?<comment>\P{Cc}{0,200}))?$/u

/** A public key, as ssh-keygen(1) writes it. @throws {UsageError} It is none, or more than one. */
export function parseKey(text: string): { key: string; comment: string } {
  const { key, comment = '' } = publicKey.exec(text.trim())?.groups ?? {}
  if (key !== undefined) return { key, comment }
  throw new UsageError('this is no public key on one line', {
    hint: 'on the host: ssh-keygen -t ed25519 -N "" -f /etc/hdsync/vault.key; the public one is vault.key.pub',
  })
}

/** The line for authorized_keys that lets a key do nothing but run a command. */
export function keyLine(command: readonly string[], key: string): string {
  const quoted = shellQuote(command).replaceAll('\\', '\\\\').replaceAll('"', '\\"')
  return `restrict,command="${quoted}" ${key}`
}

/**
 * Puts the line of a key into `.ssh/authorized_keys` of a folder, in the place of an earlier one of the same key. The file
 * belongs to this user, and others may read it.
 * @returns Where it is.
 */
export function authorize(home: string, line: string, key: string): string {
  using above = Folder.existing(home)
  using folder = above.make('.ssh')
  chmodSync(join(home, '.ssh'), 0o755)
  const others = (folder.read(fileName, 1024 ** 2) ?? '')
    .split('\n')
    .filter((one) => one !== '' && !one.includes(key))
  folder.replace(fileName, `${[...others, line].join('\n')}\n`, 0o644)
  chmodSync(folder.name(fileName), 0o644)
  above.sync()
  return join(home, '.ssh', fileName)
}

const fileName = 'authorized_keys'
