import { accessSync, constants, statSync } from 'node:fs'
import { text } from 'node:stream/consumers'
import * as z from 'zod'
import { admit, noteSent, type SendingEnd, sessionLocks } from '../../backup/vault/admit.ts'
import { type Answer, answerRequest } from '../../backup/vault/answer.ts'
import type { VaultTools } from '../../backup/vault/vault.ts'
import type { Config } from '../../config/config.ts'
import { configFile } from '../../config/config-file.ts'
import { loadConfig } from '../../config/load.ts'
import { defaultState, vaultSocketPath } from '../../config/socket.ts'
import type { Vault } from '../../config/vault.ts'
import { RetryableError, reasonOf, TerminalError } from '../../errors.ts'
import { createRunner, unobserved } from '../../host/command/command.ts'
import { type Admission, admissionSchema } from '../../host/vault/rsync-server.ts'
import { askAgainLater, refusal, type VaultRequest } from '../../vault-protocol.ts'
import { DaemonError } from '../daemon/client.ts'
import { PeerClient } from '../daemon/users/peer-client.ts'
import { octets } from '../daemon/vault/wire.ts'

/** How the command of a host reaches its vault. */
export interface Door {
  ask(request: VaultRequest): Promise<Answer>
  /** Of which one is held by each of its sessions. */
  locks(): Promise<string[]>
  /** @throws {HdsyncError} */
  admit(name: string): Promise<Admission>
  /** Never throws: it decides nothing that cannot wait. */
  sent(end: SendingEnd): Promise<void>
}

export interface DoorOptions {
  config?: string
  /** Of the daemon, where it is not where the config says, or the config cannot be read. */
  socket?: string
}

/**
 * The vault, for a host: over the daemon, which alone reaches what was accepted; or in this process, where this user is the one
 * whom the vault belongs to.
 * @throws {HdsyncError} There is none, or its daemon is not there.
 */
export async function openDoor(
  host: string,
  { config: path, socket }: DoorOptions,
  env: NodeJS.ProcessEnv,
): Promise<Door> {
  if (socket !== undefined) return await daemonDoor(host, socket)
  const config = await readableConfig(path, env)
  if (!config) return await daemonDoor(host, vaultSocketPath({ state: defaultState }))
  const vault = vaultOf(config)
  const own = process.geteuid?.()
  const isOwn = own === 0 || statSync(vault.path, { throwIfNoEntry: false })?.uid === own
  return isOwn ? localDoor(host, toolsFor(vault)) : await daemonDoor(host, vaultSocketPath(config))
}

/** @throws {TerminalError} The config has no vault. */
export function vaultOf({ vault, file }: Pick<Config, 'vault' | 'file'>): Vault {
  if (vault) return vault
  throw new TerminalError(`${file} has no \`vault\``, {
    hint: 'to make this machine one: `vault: { path: /srv/vault, hosts: { NAME: {} } }`',
  })
}

/** What a command of this process takes to answer for a vault. */
export function toolsFor(vault: Vault, signal = new AbortController().signal): VaultTools {
  const runner = createRunner({ observer: unobserved, signal, owner: 'vault' })
  return { vault, runner, signal, now: Date.now }
}

/** @returns undefined where this user may not read it: it is root's. */
async function readableConfig(path: string | undefined, env: NodeJS.ProcessEnv): Promise<Config | undefined> {
  try {
    accessSync(configFile({ path, env }), constants.R_OK)
  } catch {
    return undefined
  }
  return await loadConfig({ path, env })
}

function localDoor(host: string, tools: VaultTools): Door {
  return {
    ask: (request) => answerRequest(host, request, tools),
    locks: async () => sessionLocks(host, tools.vault),
    admit: (name) => admit(host, name, tools),
    sent: (end) => noteSent(host, end, tools),
  }
}

const advice = {
  what: 'over which hosts ask the vault',
  denied: 'the user of the host has to be in the group hdsync-vault: hdsync vault add-host sees to that',
  absent: `hdsync serve has to run on the vault (systemctl start hdsync): ${askAgainLater}`,
}

async function daemonDoor(host: string, socket: string): Promise<Door> {
  const daemon = await heard(PeerClient.at(socket, advice))
  return {
    async ask(request) {
      const answer = await heard(daemon.ask('/ask', { host, request }))
      if (answer.headers['content-type']?.startsWith(octets)) return { bytes: answer }
      return { line: await heard(text(answer)) }
    },
    async locks() {
      return z.array(z.string()).parse(JSON.parse(await heard(daemon.text('/session', { host }))))
    },
    async admit(name) {
      const answer = JSON.parse(await heard(daemon.text('/admit', { host, name })))
      const refused = refusal.safeParse(answer).data
      if (refused?.isFinal) throw new TerminalError(refused.error)
      if (refused) throw new RetryableError(refused.error)
      return admissionSchema.parse(answer)
    },
    async sent(end) {
      await daemon.text('/sent', { host, ...end }).catch(() => {})
    },
  }
}

/** @throws {RetryableError} The daemon has ended before it has answered: it begins anew, as after an upgrade. */
async function heard<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer
  } catch (error) {
    const isCut = error instanceof DaemonError || (error as NodeJS.ErrnoException).code === 'ECONNRESET'
    if (!isCut) throw error
    throw new RetryableError(`the daemon of the vault has ended (${reasonOf(error)}): ${askAgainLater}`, {
      cause: error,
    })
  }
}
