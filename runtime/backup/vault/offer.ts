import { vaultFull } from '../../../events/index.ts'
import { RetryableError, reasonOf, TerminalError } from '../../errors.ts'
import { archiveFile } from '../../host/archive/archive-file.ts'
import { clearIncoming, removeProving } from '../../host/vault/clear-incoming.ts'
import type { HostFolder } from '../../host/vault/host-folder.ts'
import { type HostRecord, type RecordedCopy, readRecord } from '../../host/vault/record.ts'
import { ownBaseBytes } from '../../host/vault/room.ts'
import { isoOf } from '../../instant.ts'
import type { OfferedArchive, VaultOffer } from '../../vault-protocol.ts'
import { dateOf } from '../../weekday.ts'
import { layBase } from './lay-base.ts'
import { isForgotten, mostOffers, offerNamed, readOffers, writeOffers } from './offers.ts'
import { leftOfQuota, proveRoom, spareBytes, type Wanted } from './room.ts'
import { answered, settingsOf, type VaultTools, withHost } from './vault.ts'

/** A month that is caught up with; more is a flood, of which each takes a line of the record. */
const mostPerDay = 40
/** Of all sources of a host. */
const mostOfHost = 400
/** Names of sources are the host's to choose. */
const mostSources = 256

/**
 * Says whether an archive may come, and lays the last copy of its source beside it, for rsync to take from it what has not
 * changed. Safe to repeat: what has come of the archive stays.
 * @throws {HdsyncError} It may not, now or ever.
 */
export function offer(host: string, archive: OfferedArchive, tools: VaultTools): Promise<VaultOffer> {
  const { vault, now } = tools
  const settings = settingsOf(vault, host)
  return withHost(host, tools, async (folder) => {
    const record = readRecord(folder.root)
    const name = archive.sha256
    proveNotFlooded(host, archive.source, record, now())
    if (await standing(folder, record, archive)) return { ...answered(now()), has: true, name, laidBytes: 0 }
    proveLookedAt(host, archive.source, record, now())
    const known = readOffers(folder)
    const rest = known.filter(({ archive: { sha256 } }) => sha256 !== name).slice(1 - mostOffers)
    const about = { host, folder, record, archive }
    const isTight = leftOfQuota(settings, { ...about, others: rest }) < 0
    const others = isTight ? rest.filter((one) => !isForgotten(one, now())) : rest
    const names = new Map(
      [archive, ...others.map((one) => one.archive)].map((one) => [one.sha256, one.sizeBytes]),
    )
    await clearIncoming(folder, names)
    for (const old of folder.proving.names()) if (!names.has(old)) await removeProving(folder, old)
    const wanted = { ...about, others }
    // Sending some of it twice is better than not at all.
    if (leftOfQuota(settings, wanted) < 0) folder.base.remove(name)
    tellingOfNoRoom(wanted, tools, () => proveRoom(settings, wanted))
    const mine = offerNamed(known, name)
    const isKnown = mine?.archive.sizeBytes === archive.sizeBytes
    const earlier = isKnown ? mine.begunBytes : 0
    // What lies in `base` by now makes room for what is laid there instead.
    const mostJoinedBytes = leftOfQuota(settings, wanted) + ownBaseBytes(folder, name)
    const room = { spareBytes, mostJoinedBytes }
    const { laidBytes, begunBytes } = await layBase(folder, record, archive, { earlier, room })
    // By whatever size it is offered: what has come under this name stays, and has been sent.
    const { newBytes = 0, isSending = false } = mine ?? {}
    writeOffers(folder, [...others, { archive, newBytes, isSending, begunBytes, offeredAt: isoOf(now()) }])
    return { ...answered(now()), has: false, name, laidBytes }
  })
}

/** The hooks of the vault hear of an archive that it has no room for: the host may be one whose own hooks nobody reads. */
function tellingOfNoRoom({ host, archive }: Wanted, { tell, now }: VaultTools, prove: () => void): void {
  try {
    prove()
  } catch (error) {
    const { source } = archive
    tell?.({ definition: vaultFull, data: { host, source, at: isoOf(now()), reason: reasonOf(error) } })
    throw error
  }
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

/** @throws {TerminalError | RetryableError} So many copies came of the host, or of its source, that it is no host that works as it should. */
export function proveNotFlooded(host: string, source: string, { arrivals }: HostRecord, now: number): void {
  const day = dateOf(now)
  const today = arrivals.filter(({ provedAt }) => dateOf(Date.parse(provedAt)) === day)
  const mine = today.filter((one) => one.source === source)
  if (mine.length >= mostPerDay) throw noMore(mine.length, `${source} of ${host}`)
  if (today.length >= mostOfHost) throw noMore(today.length, host)
  const sources = new Set(arrivals.map((one) => one.source))
  if (sources.has(source) || sources.size < mostSources) return
  throw new TerminalError(
    `${host} has sent copies of ${sources.size} sources: the vault takes no further one`,
  )
}

/** So many new copies of a source come in a day while something is odd about it: its next night, and one more. */
const mostWhileOdd = 2

/**
 * While something is odd nothing goes: whoever sends garbage would fill the quota in a day, and nights find no room then.
 * @throws {RetryableError} Something is odd about the source, and enough of it came today.
 */
export function proveLookedAt(
  host: string,
  source: string,
  { arrivals, odd }: Pick<HostRecord, 'arrivals' | 'odd'>,
  now: number,
): void {
  if (!odd.some((one) => one.source === source)) return
  const day = dateOf(now)
  const today = arrivals.filter(
    (one) => one.source === source && one.newBytes !== 0 && dateOf(Date.parse(one.provedAt)) === day,
  )
  if (today.length < mostWhileOdd) return
  throw new RetryableError(
    `something is odd about ${source} of ${host}: until somebody has looked at it, the vault takes ${mostWhileOdd} new copies of it a day`,
    {
      hint: `on the vault: hdsync vault status ${host}; if it was meant: hdsync vault release ${host} ${source}`,
    },
  )
}

function noMore(count: number, of: string): RetryableError {
  return new RetryableError(`${count} copies of ${of} came today: the vault takes no more before tomorrow`)
}
