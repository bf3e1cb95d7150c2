import type { VaultHost } from '../../config/vault.ts'
import { RetryableError, TerminalError } from '../../errors.ts'
import { archiveFile } from '../../host/archive/archive-file.ts'
import { clearIncoming } from '../../host/vault/clear-incoming.ts'
import type { HostFolder } from '../../host/vault/host-folder.ts'
import { type HostRecord, type RecordedCopy, readRecord } from '../../host/vault/record.ts'
import { freeIn, unprovenBytes } from '../../host/vault/room.ts'
import { formatBytes } from '../../units.ts'
import type { OfferedArchive, VaultOffer } from '../../vault-protocol.ts'
import { dateOf } from '../../weekday.ts'
import { layBase } from './lay-base.ts'
import { mostOffers, offerNamed, readOffers, writeOffers } from './offers.ts'
import { answered, settingsOf, type VaultTools, withHost } from './vault.ts'

/** What stays free for everything else on the disk: records, and what a file system takes beside the bytes of files. */
const spareBytes = 64 * 1024 ** 2
const spareInodes = 1000
/** A month that is caught up with of thirty sources; more is a flood, of which each takes a line of the record. */
const mostPerDay = 1000

/**
 * Says whether an archive may come, and lays the last copy of its source beside it, for rsync to take from it what has not
 * changed. Safe to repeat: what has come of the archive stays.
 * @throws {HdsyncError} It may not, now or ever.
 */
export function offer(host: string, archive: OfferedArchive, tools: VaultTools): Promise<VaultOffer> {
  const { vault, runner, now } = tools
  const settings = settingsOf(vault, host)
  return withHost(host, tools, async (folder) => {
    const record = readRecord(folder.root)
    const name = archive.sha256
    proveNotFlooded(host, record, now())
    if (await standing(folder, record, archive)) return { ...answered(now()), has: true, name, laidBytes: 0 }
    const known = readOffers(folder)
    const others = known.filter(({ archive: { sha256 } }) => sha256 !== name).slice(1 - mostOffers)
    const names = new Set([name, ...others.map((one) => one.archive.sha256)])
    await clearIncoming(folder, names, runner)
    for (const old of folder.proving.names()) if (!names.has(old)) folder.proving.remove(old)
    proveRoom(host, settings, { folder, record, archive })
    const mine = offerNamed(known, name)
    const isKnown = mine?.archive.sizeBytes === archive.sizeBytes
    const newBytes = isKnown ? mine.newBytes : 0
    const earlier = isKnown ? mine.begunBytes : 0
    const { laidBytes, begunBytes } = await layBase(folder, record, archive, { earlier, spareBytes })
    writeOffers(folder, [...others, { archive, newBytes, isSending: isKnown && mine.isSending, begunBytes }])
    return { ...answered(now()), has: false, name, laidBytes }
  })
}

/** A good copy of the same bytes whose file is there. */
export async function standing(
  folder: HostFolder,
  { copies }: HostRecord,
  { source, sha256, sizeBytes }: Pick<OfferedArchive, 'source' | 'sha256' | 'sizeBytes'>,
): Promise<RecordedCopy | undefined> {
  for (const copy of copies.toReversed()) {
    if (copy.source !== source || copy.sha256 !== sha256 || copy.damaged) continue
    const at = folder.at(copy.file)
    const found = at === undefined ? undefined : await archiveFile(at)
    if (found?.sizeBytes === sizeBytes) return copy
  }
  return undefined
}

/** @throws {RetryableError} */
export function proveNotFlooded(host: string, { copies }: HostRecord, now: number): void {
  const today = dateOf(now)
  const arrived = copies.filter(({ provedAt }) => dateOf(Date.parse(provedAt)) === today).length
  if (arrived < mostPerDay) return
  throw new RetryableError(
    `${host} has sent ${arrived} copies today: the vault takes no more before tomorrow`,
  )
}

/** How many bytes the copies of a host take: names of one file count once. */
export function usedBytes({ copies }: HostRecord): number {
  const files = new Map(copies.map(({ source, sha256, sizeBytes }) => [`${source} ${sha256}`, sizeBytes]))
  return [...files.values()].reduce((sum, bytes) => sum + bytes, 0)
}

/** @throws {TerminalError | RetryableError} There is no room for it, by the quota or on the disk. */
function proveRoom(
  host: string,
  { quota }: VaultHost,
  { folder, record, archive }: { folder: HostFolder; record: HostRecord; archive: OfferedArchive },
): void {
  const begun = folder.incoming.look(archive.sha256)?.size ?? 0
  const used = usedBytes(record) + Math.max(0, unprovenBytes(folder) - begun)
  if (quota !== undefined && used + archive.sizeBytes > quota) {
    const text = `${host} has used ${formatBytes(used)} of ${formatBytes(quota)} in the vault: ${archive.source} of ${formatBytes(archive.sizeBytes)} does not fit`
    const hint = `on the vault: a larger \`quota\`, or \`keep\` less, for ${host}`
    if (archive.sizeBytes > quota) throw new TerminalError(text, { hint })
    throw new RetryableError(text, { hint })
  }
  const { bytes, inodes } = freeIn(folder.path)
  const wanted = archive.sizeBytes - Math.min(begun, archive.sizeBytes) + spareBytes
  if (bytes < wanted)
    throw new RetryableError(
      `the disk of the vault is full: ${archive.source} takes ${formatBytes(wanted)} with what has to stay free, ${formatBytes(bytes)} are free`,
    )
  if (inodes !== null && inodes < spareInodes)
    throw new RetryableError(`the disk of the vault has no inodes left (${inodes})`)
}
