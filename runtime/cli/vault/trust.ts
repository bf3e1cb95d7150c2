import { UsageError } from '../../errors.ts'
import { createRunner, unobserved } from '../../host/command/command.ts'
import {
  fingerprintOf,
  type HostKey,
  knownHostKeys,
  scanHostKeys,
  trustHostKeys,
} from '../../host/copies/vault/host-keys.ts'
import { type Reach, vaultText } from '../../host/copies/vault/ssh.ts'
import { exitCodes } from '../exit-codes.ts'
import type { Io } from '../io.ts'

export interface TrustOptions {
  config?: string
  fingerprint?: string
  json?: boolean
}

/** Whose keys they are. */
interface Trusted {
  vault: Reach
  /** Where its administrator compares them. */
  where: string
  /** What `--json` says of it beside its keys. */
  about: Record<string, string>
}

/**
 * Shows the keys of a machine, asks, and writes them down. Without a terminal it takes only a key whose fingerprint is given.
 * One that has changed is never taken without being asked for.
 */
export async function trust(
  { vault, where, about }: Trusted,
  options: TrustOptions,
  io: Io,
): Promise<number> {
  const runner = createRunner({ observer: unobserved, signal: new AbortController().signal, owner: 'trust' })
  const found = await scanHostKeys(vault, runner)
  const known = knownHostKeys(vault)
  const isKnown = (key: HostKey) => known.some((one) => one.key === key.key)
  if (!options.json) {
    io.stdout(`${vaultText(vault)} has these keys:\n`)
    for (const key of found)
      io.stdout(`  ${key.type}  ${fingerprintOf(key)}${isKnown(key) ? '  (known)' : ''}\n`)
    const gone = known.filter((one) => !found.some(({ key }) => key === one.key))
    for (const key of gone) io.stdout(`  it was known by ${key.type}  ${fingerprintOf(key)}\n`)
  }
  const wanted = await agreed(found, known, { ...options, where }, io)
  const isNew = wanted.some((key) => !isKnown(key)) || wanted.length !== known.length
  if (isNew) await trustHostKeys(vault, wanted)
  if (options.json) {
    const keys = wanted.map((key) => ({ type: key.type, fingerprint: fingerprintOf(key) }))
    io.stdout(`${JSON.stringify({ ...about, host: vaultText(vault), knownHosts: vault.knownHosts, keys })}\n`)
  } else {
    io.stdout(isNew ? `written to ${vault.knownHosts}\n` : `${vault.knownHosts} has them already\n`)
  }
  return exitCodes.succeeded
}

/** The keys to write down. @throws {UsageError} None is agreed to. */
async function agreed(
  found: readonly HostKey[],
  known: readonly HostKey[],
  { fingerprint, json, where }: TrustOptions & { where: string },
  io: Io,
): Promise<HostKey[]> {
  const nothing = (hint: string) => new UsageError('no key was written down', { hint })
  if (fingerprint !== undefined) {
    const same = found.filter((key) => fingerprintOf(key) === fingerprint)
    if (same.length > 0) return same
    throw nothing(`none of its keys has the fingerprint ${fingerprint}`)
  }
  if (found.every((key) => known.some((one) => one.key === key.key))) return [...found]
  const how = `compare with \`ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub\` on ${where}, then: --fingerprint SHA256:…`
  if (json || io.env.CI || !process.stdin.isTTY || !process.stdout.isTTY) throw nothing(how)
  const { confirm } = await import('@clack/prompts')
  const message =
    known.length > 0 ? 'It was known by another key. Take the new ones?' : 'Are these the right ones?'
  if ((await confirm({ message, initialValue: false })) === true) return [...found]
  throw nothing(how)
}
