import { join } from 'node:path'
import type { Target } from '../../config/config.ts'
import type { Vault } from '../../config/copies.ts'
import type { Progress } from '../../progress.ts'
import type { CommandRunner } from '../command/command.ts'
import { whyUnplugged } from '../target/plugged-in.ts'
import { type Proving, proveCopy } from './prove-copy.ts'
import { type Sealing, sealArchive } from './sealed/seal.ts'
import type { SealedThere } from './sealed/sealed-files.ts'
import { type Sending, sendArchive } from './send-archive.ts'
import { releaseFetched } from './vault/fetched.ts'
import { endShared, sharedSocket } from './vault/shared-connection.ts'
import { linkTo, type VaultLink } from './vault/vault-link.ts'
import { endSessions } from './vault/vault-session.ts'

/** Copies of archives on other disks, and in vaults. */
export interface Copies {
  /** See `whyUnplugged`. */
  absence(target: Target): Promise<string | undefined>
  /** See `sendArchive`. */
  send(sending: Sending, onProgress: (progress: Progress) => void): Promise<string | null>
  /** See `proveCopy`. @param now Milliseconds since the epoch. */
  prove(proving: Proving, now: number, onProgress: (progress: Progress) => void): Promise<string | undefined>
  /** See `sealArchive`. */
  seal(sealing: Sealing, onProgress: (progress: Progress) => void): Promise<SealedThere>
  /** A vault of another machine. @param name The place, as the config has it. @param run All that it asks goes over one connection. */
  vault(vault: Vault, name: string, run?: string): VaultLink
  /** See `endShared`. */
  hangUp(run: string): Promise<void>
  /** See `releaseFetched`. */
  release(state: string, now: number): void
}

/** @param sockets The folder of the sockets of connections. @param owner Marks what is started as ours, see `endOrphans`. */
export function createCopies(
  runner: CommandRunner,
  { sockets, signal, owner }: { sockets: string; signal: AbortSignal; owner: string },
): Copies {
  return {
    absence: (target) => whyUnplugged(target, runner),
    send: (sending, onProgress) => sendArchive(sending, { signal, onProgress }),
    prove: (proving, now, onProgress) => proveCopy(proving, { runner, signal, now: () => now, onProgress }),
    seal: (sealing, onProgress) => sealArchive(sealing, { runner, signal, onProgress }),
    vault(vault, name, run) {
      const socket = run === undefined ? undefined : sharedSocket(sockets, run, name)
      return linkTo({ ...vault, socket }, name, runner, signal, owner)
    },
    async hangUp(run) {
      endSessions(join(sockets, `${run}-`))
      await endShared(sockets, run, runner)
    },
    release: releaseFetched,
  }
}
