import { accessSync, constants, createReadStream, rmSync, statSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { TerminalError } from '../../../errors.ts'
import type { Progress } from '../../../progress.ts'
import { formatBytes } from '../../../units.ts'
import { protocolVersion } from '../../../vault-protocol.ts'
import { meter } from '../../archive/meter.ts'
import { CommandError, type CommandRunner } from '../../command/command.ts'
import { digestOf } from '../../proof/digest.ts'
import { freeBytes } from '../../restore/room.ts'
import type { Origin } from '../sealed/layout.ts'
import { unseal } from '../sealed/unseal.ts'
import {
  claimFetched,
  type FetchedCopy,
  fetchedFolder,
  leavePart,
  openedPath,
  shareFetched,
  takePart,
} from './fetched.ts'
import { destinationOf, type Reach, sshWords, vaultText } from './ssh.ts'
import { isUnreachable, sshFailure } from './ssh-errors.ts'

/** A copy that is to be read here. */
export interface Fetching extends FetchedCopy {
  sizeBytes: number
  /** Of one that is encrypted. */
  sealed?: Opening
  /** Why it is not to be fetched. One that is there already was permitted to whoever fetched it. */
  refusal?: TerminalError
  /** The state directory. */
  state: string
}

/** What opens an encrypted copy. */
export interface Opening {
  /** Of age; undefined where nobody has named it. */
  identityFile: string | undefined
  /** Proves that what it says of itself is what is wanted. @throws {TerminalError} It is not. */
  prove(origin: Origin): void
}

interface Tools {
  vault: Reach
  /** As the config has it. */
  name: string | undefined
  runner: CommandRunner
  onProgress: (progress: Progress) => void
}

/** What stays free beside it: the records of hdsync lie on the same disk, and every event is one. */
const spareBytes = 64 * 1024 ** 2
const longestMs = 20 * 86_400_000
/** A connection that breaks is made again, as long as each brings something. */
const mostConnections = 20

/**
 * Fetches a copy from a vault, into a file that nobody else reads, and proves that it is the one. What was cut off goes on; one
 * that is there already is taken. See `releaseFetched`.
 * @returns Its file.
 * @throws {TerminalError} There is no room, the vault does not permit it, or it is not what was recorded.
 * @throws {RetryableError} The vault cannot be reached.
 */
export async function fetchCopy(fetching: Fetching, tools: Tools): Promise<string> {
  const { state, sizeBytes, sha256 } = fetching
  const there = claimFetched(state, fetching)
  if (there !== undefined) return there
  if (fetching.refusal) throw fetching.refusal
  const identityFile = fetching.sealed && proveIdentity(fetching.sealed)
  const part = takePart(state, fetching)
  try {
    if (bytesIn(part) > sizeBytes) rmSync(part)
    // It is as large again once it is decrypted.
    const opened = identityFile === undefined ? 0 : sizeBytes
    proveRoom(fetching, sizeBytes - bytesIn(part) + opened, tools.vault)
    for (let n = 1; bytesIn(part) < sizeBytes; n += 1) {
      const before = bytesIn(part)
      try {
        await getRest(part, fetching, tools)
      } catch (error) {
        if (!isUnreachable(error) || bytesIn(part) === before || n === mostConnections) throw error
      }
    }
    if ((await digestOf(createReadStream(part))) !== sha256) {
      rmSync(part, { force: true })
      throw new TerminalError(
        `${vaultText(tools.vault)} has sent something else than the copy that was proved`,
      )
    }
    if (identityFile === undefined) return shareFetched(state, fetching)
    return shareFetched(state, fetching, await openCopy(part, identityFile, fetching, tools))
  } catch (error) {
    leavePart(state, fetching)
    throw error
  }
}

/** @throws {TerminalError} Nobody has named one, or it cannot be read: nothing is fetched for that. */
function proveIdentity({ identityFile }: Pick<Opening, 'identityFile'>): string {
  if (identityFile === undefined)
    throw new TerminalError('the copy is encrypted, and is read with an identity alone', {
      hint: '--identity FILE: that of a recipient of `encryptTo`, when it was sent',
    })
  try {
    accessSync(identityFile, constants.R_OK)
    return identityFile
  } catch (error) {
    throw new TerminalError(`the identity cannot be read: ${(error as Error).message}`, { cause: error })
  }
}

/** Decrypts a copy that was fetched. @returns The file of the archive, which is proved. */
async function openCopy(
  sealed: string,
  identityFile: string,
  fetching: Fetching,
  { runner }: Tools,
): Promise<string> {
  const to = openedPath(fetching.state, fetching)
  rmSync(to, { force: true })
  try {
    fetching.sealed?.prove(await unseal({ sealed, to, identityFile }, runner))
    return to
  } catch (error) {
    rmSync(to, { force: true })
    throw error
  }
}

async function getRest(part: string, { sha256, sizeBytes }: Fetching, tools: Tools): Promise<void> {
  const { vault, name, runner, onProgress } = tools
  const offset = bytesIn(part)
  const request = JSON.stringify({ v: protocolVersion, do: 'get', sha256, offset })
  await using file = await open(part, 'a', 0o600)
  const argv = [...sshWords(vault), destinationOf(vault), request] as const
  const { input, output, result } = await runner.open({ argv, timeoutMs: longestMs })
  input.end()
  const passed = meter(sizeBytes - offset, onProgress)
  let left = sizeBytes - offset
  for await (const chunk of output as AsyncIterable<Buffer>) {
    if (chunk.length > left) throw new TerminalError(`${vaultText(vault)} sends more than the copy has`)
    await file.writeFile(chunk)
    left -= chunk.length
    passed(chunk)
  }
  try {
    await result
  } catch (error) {
    throw error instanceof CommandError ? sshFailure(error, vault, name) : error
  }
  if (left > 0) throw new TerminalError(`${vaultText(vault)} has sent ${formatBytes(left)} too little`)
  await file.sync()
}

function bytesIn(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0
}

function proveRoom({ state }: Fetching, wanted: number, vault: Reach): void {
  const free = Math.max(0, freeBytes(fetchedFolder(state)) - spareBytes)
  if (free >= wanted) return
  throw new TerminalError(
    `the copy from ${vaultText(vault)} takes ${formatBytes(wanted)}, and ${formatBytes(free)} in ${state} can be used`,
    { hint: 'make room there: it is fetched whole before it is read, and removed afterwards' },
  )
}
