import { join } from 'node:path'
import { archivesTarget } from '../../backup/configured.ts'
import { archivesToGive, proveMayBeRead } from '../../backup/copies/given.ts'
import { refusalOf } from '../../backup/vault/answer.ts'
import { parseGiveRequest } from '../../backup/vault/asked.ts'
import { answered } from '../../backup/vault/vault.ts'
import type { Config } from '../../config/config.ts'
import { loadConfig } from '../../config/load.ts'
import { keptStoreId } from '../../core/bus/sqlite/identity.ts'
import { RetryableError, TerminalError } from '../../errors.ts'
import { giveBytes, letAsk } from '../../host/copies/vault/give-bytes.ts'
import { runtimeDirectory } from '../../host/host.ts'
import { askAgainLater, type GiveRequest, refusalLine, refusedCode } from '../../vault-protocol.ts'
import { Disks } from '../daemon/disks.ts'
import type { Io } from '../io.ts'

interface GiveOptions {
  config?: string
  allowUnencrypted?: boolean
}

/**
 * `hdsync give`: the forced command of the key of a vault that fetches. It tells which finished archives there are, and sends the bytes
 * of one of them, as SSH_ORIGINAL_COMMAND asks, and does nothing else. It changes nothing.
 * @param sources Those that the vault may fetch; all, where there are none.
 * @returns `refusedCode` where it was refused; the words are on standard error.
 */
export async function giveCommand(sources: readonly string[], options: GiveOptions, io: Io): Promise<number> {
  let request: GiveRequest | undefined
  try {
    request = parseGiveRequest(io.env.SSH_ORIGINAL_COMMAND)
    const config = await loadConfig({ path: options.config, env: io.env })
    proveMayBeRead(config, options.allowUnencrypted === true)
    const locks = join(runtimeDirectory(config.state, keptStoreId(config.state) ?? 'command'), 'give')
    await using _asking = await letAsk(locks)
    await give(request, config, { sources, locks }, io)
    return 0
  } catch (error) {
    const refused = refusalOf(error)
    if (request?.do === 'list') io.stdout(`${JSON.stringify(refused)}\n`)
    io.stderr(`${refusalLine(refused)}\n`)
    return refusedCode
  }
}

async function give(
  request: GiveRequest,
  config: Config,
  { sources, locks }: { sources: readonly string[]; locks: string },
  io: Io,
): Promise<void> {
  const from = archivesTarget(config)
  // One that is mounted for runs alone is held for as long as no run is due.
  await using disks =
    from.mounts.length > 0
      ? await Disks.borrow(config, { ...io, stderr: () => {} }, { kind: 'read', waits: false })
      : undefined
  if (from.mounts.length > 0 && !disks)
    throw new RetryableError(`a run is going on, and has the disk of the archives: ${askAgainLater}`)
  await disks?.mountToRead(from)
  const given = await archivesToGive(config, sources, Date.now())
  if (request.do === 'list') {
    const archives = given.map(({ archive }) => archive)
    io.stdout(`${JSON.stringify({ ...answered(Date.now()), archives })}\n`)
    return
  }
  const { sha256, bytesPerSecond } = request
  const found = given.find(({ archive }) => archive.sha256 === sha256)
  if (!found) throw new TerminalError('this archive is not here, or not any more: list what is')
  const { signal } = disks ?? new AbortController()
  const { sizeBytes } = found.archive
  await giveBytes({ from, ...found, sha256, sizeBytes, locks, bytesPerSecond }, signal)
}
