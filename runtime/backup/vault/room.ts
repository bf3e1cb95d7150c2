import type { VaultHost } from '../../config/vault.ts'
import { RetryableError, TerminalError } from '../../errors.ts'
import type { HostFolder } from '../../host/vault/host-folder.ts'
import type { HostRecord } from '../../host/vault/record.ts'
import { cameOf, diskFull, freeIn, ownBaseBytes, unprovenNames } from '../../host/vault/room.ts'
import { formatBytes } from '../../units.ts'
import type { OfferedArchive, VaultCopy } from '../../vault-protocol.ts'
import type { Offered } from './offers.ts'

/** What stays free for everything else on the disk: records, and what a file system takes beside the bytes of files. */
export const spareBytes = 64 * 1024 ** 2
const spareInodes = 1000

/** An archive that is to come, and what counts beside it. */
export interface Wanted {
  host: string
  folder: HostFolder
  record: HostRecord
  archive: OfferedArchive
  /** Everything else that the host may still send: all of it counts, whatever has come of it. */
  others: readonly Offered[]
}

/** How many bytes the copies of a host take: names of one file count once. */
export function usedBytes({ copies }: { copies: readonly VaultCopy[] }): number {
  const files = new Map(copies.map(({ source, sha256, sizeBytes }) => [`${source} ${sha256}`, sizeBytes]))
  return [...files.values()].reduce((sum, bytes) => sum + bytes, 0)
}

/** How much of the quota is left once an archive is there; below 0 where it does not fit. */
export function leftOfQuota({ quota }: Pick<VaultHost, 'quota'>, wanted: Wanted): number {
  if (quota === undefined) return Number.POSITIVE_INFINITY
  return quota - takenBytes(wanted) - wanted.archive.sizeBytes
}

/** @throws {TerminalError | RetryableError} The quota does not let it in. */
export function proveQuota(settings: Pick<VaultHost, 'quota'>, wanted: Wanted): void {
  const { quota } = settings
  if (quota === undefined || leftOfQuota(settings, wanted) >= 0) return
  const { host, archive } = wanted
  const text = `${host} has used ${formatBytes(takenBytes(wanted))} of ${formatBytes(quota)} in the vault, with what it has offered: ${archive.source} of ${formatBytes(archive.sizeBytes)} does not fit`
  const hint = `on the vault: a larger \`quota\`, or \`keep\` less, for ${host}`
  if (archive.sizeBytes > quota) throw new TerminalError(text, { hint })
  throw new RetryableError(text, { hint })
}

/** @throws {TerminalError | RetryableError} There is no room for it, by the quota or on the disk. */
export function proveRoom(settings: Pick<VaultHost, 'quota'>, wanted: Wanted): void {
  proveQuota(settings, wanted)
  const { folder, archive, others } = wanted
  const { bytes, inodes } = freeIn(folder.path)
  const toCome = [archive, ...others.map((one) => one.archive)]
    .map(({ sha256, sizeBytes }) => Math.max(0, sizeBytes - cameOf(folder, sha256)))
    .reduce((sum, one) => sum + one, spareBytes)
  if (bytes < toCome)
    throw new RetryableError(
      `${diskFull}: ${archive.source} takes ${formatBytes(toCome)} with what else was offered and what has to stay free, ${formatBytes(bytes)} are free`,
    )
  if (inodes !== null && inodes < spareInodes)
    throw new RetryableError(`the disk of the vault has no inodes left (${inodes})`)
}

/** By copies, by what else was offered or has come, and by what is laid for it and is no copy. Of others nothing stays laid. */
function takenBytes({ folder, record, archive, others }: Wanted): number {
  const sizes = new Map(others.map((one) => [one.archive.sha256, one.archive.sizeBytes]))
  const names = new Set([...sizes.keys(), ...unprovenNames(folder)])
  names.delete(archive.sha256)
  return [...names]
    .map((name) => Math.max(sizes.get(name) ?? 0, cameOf(folder, name)))
    .reduce((sum, bytes) => sum + bytes, usedBytes(record) + ownBaseBytes(folder, archive.sha256))
}
