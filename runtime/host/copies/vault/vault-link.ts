import * as z from 'zod'
import type { Vault } from '../../../config/copies.ts'
import type { Progress } from '../../../progress.ts'
import {
  listDigest,
  type OfferedArchive,
  offerAnswer,
  proveAnswer,
  sameAnswer,
  statusAnswer,
  type VaultCopy,
  type VaultOffer,
  type VaultProof,
  type VaultStatus,
  protocolVersion as v,
} from '../../../vault-protocol.ts'
import type { CommandRunner } from '../../command/command.ts'
import { askVault } from './ask.ts'
import { type Fetching, fetchCopy } from './fetch-copy.ts'
import { sendToVault, type ToVault } from './send-to-vault.ts'
import type { Reach } from './ssh.ts'

/** A vault, as a host sees it. For what they throw, see `askVault`. */
export interface VaultLink {
  /** @param known The copies that it had when it was asked last: they are not told again where they are the same. */
  status(known?: readonly VaultCopy[]): Promise<VaultStatus>
  offer(archive: OfferedArchive): Promise<VaultOffer>
  /** See `sendToVault`. @param now Milliseconds since the epoch. */
  send(sending: ToVault, now: () => number, onProgress: (progress: Progress) => void): Promise<number>
  prove(archive: OfferedArchive): Promise<VaultProof>
  /** See `fetchCopy`. */
  fetch(fetching: Fetching, onProgress: (progress: Progress) => void): Promise<string>
}

/**
 * @param name The place, as the config has it; undefined where the config has none.
 * @param owner Marks the session of a run as ours, see `endOrphans`; each request comes by itself without it.
 */
export function linkTo(
  vault: Vault & Reach,
  name: string | undefined,
  runner: CommandRunner,
  signal: AbortSignal,
  owner?: string,
): VaultLink {
  const asking = { vault, name, runner, session: owner === undefined ? undefined : { owner, signal } }
  return {
    async status(known) {
      const asks = { v, do: 'status', ...(known && { known: listDigest(known) }) } as const
      const said = await askVault(asks, z.union([statusAnswer, sameAnswer]), asking)
      if ('copies' in said) return said
      const { same: _same, ...status } = said
      return { ...status, copies: [...(known ?? [])] }
    },
    offer: (archive) => askVault({ v, do: 'offer', archive }, offerAnswer, asking),
    send: (sending, now, onProgress) =>
      sendToVault(sending, { vault, name, runner, signal, now, onProgress }),
    prove: (archive) => askVault({ v, do: 'prove', archive }, proveAnswer, asking),
    fetch: (fetching, onProgress) => fetchCopy(fetching, { vault, name, runner, onProgress }),
  }
}
