import { setTimeout } from 'node:timers/promises'
import type {
  DataOf,
  vaultAccepted,
  vaultDamaged,
  vaultFailed,
  vaultFull,
  vaultOdd,
  vaultOverdue,
} from '../../../events/index.ts'
import type { Vault, VaultHost } from '../../config/vault.ts'
import { TerminalError } from '../../errors.ts'
import type { CommandRunner } from '../../host/command/command.ts'
import { HostFolder } from '../../host/vault/host-folder.ts'
import { HostBusyError, takeLock } from '../../host/vault/lock.ts'
import { isoOf } from '../../instant.ts'
import type { Progress } from '../../progress.ts'
import { protocolVersion } from '../../vault-protocol.ts'

/** What answering for a vault takes. */
export interface VaultTools {
  vault: Vault
  runner: CommandRunner
  signal: AbortSignal
  /** By the clock of the vault, in milliseconds since the epoch. */
  now(): number
  /** Tells the vault's own hooks; nobody is told unless given. */
  tell?(event: VaultEvent): void
  /** Says something to whoever reads the log. */
  warn?(message: string): void
  /** Tells somebody who looks on what is being done for a host, and how far it has come. */
  show?(host: string, words: string, progress?: Progress): void
}

/** What a vault tells its hooks of. */
export type VaultEvent =
  | { definition: typeof vaultAccepted; data: DataOf<typeof vaultAccepted> }
  | { definition: typeof vaultOdd; data: DataOf<typeof vaultOdd> }
  | { definition: typeof vaultDamaged; data: DataOf<typeof vaultDamaged> }
  | { definition: typeof vaultFull; data: DataOf<typeof vaultFull> }
  | { definition: typeof vaultFailed; data: DataOf<typeof vaultFailed> }
  | { definition: typeof vaultOverdue; data: DataOf<typeof vaultOverdue> }

/** What the config says of a host. @throws {TerminalError} It does not name it. */
export function settingsOf({ hosts }: Vault, host: string): VaultHost {
  const settings = Object.hasOwn(hosts, host) ? hosts[host] : undefined
  if (settings) return settings
  throw new TerminalError(`the vault does not know ${host}`, {
    hint: `on the vault: \`vault: { hosts: { ${host}: {} } }\` in the config`,
  })
}

/**
 * Does something with the folder of a host while nobody else does, and no rsync writes there.
 * @throws {HostBusyError} Somebody does.
 */
export async function withHost<T>(
  host: string,
  { vault, runner }: Pick<VaultTools, 'vault' | 'runner'>,
  work: (folder: HostFolder) => Promise<T>,
): Promise<T> {
  using folder = HostFolder.open(vault.path, host)
  await using lock = await takeLock(folder.lock, runner)
  if (!lock) throw new HostBusyError(host)
  return await work(folder)
}

const attempts = 5
const pauseMs = 200

/** As `withHost`, but waits for as long as a request takes. @returns undefined where something goes on for longer. */
export async function withHostSoon<T>(
  host: string,
  tools: Pick<VaultTools, 'vault' | 'runner' | 'signal'>,
  work: (folder: HostFolder) => Promise<T>,
): Promise<T | undefined> {
  for (let attempt = 1; attempt <= attempts; attempt += 1) {
    try {
      return await withHost(host, tools, work)
    } catch (error) {
      if (!(error instanceof HostBusyError)) throw error
    }
    if (attempt < attempts) await setTimeout(pauseMs, undefined, { signal: tools.signal })
  }
  return undefined
}

/** What each answer begins with. */
export function answered(now: number): { v: typeof protocolVersion; ok: true; now: string } {
  return { v: protocolVersion, ok: true, now: isoOf(now) }
}
