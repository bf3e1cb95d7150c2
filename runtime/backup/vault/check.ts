import { vaultDamaged } from '../../../events/index.ts'
import { reasonOf } from '../../errors.ts'
import { digestOnDisk } from '../../host/archive/disk-read.ts'
import { isStale } from '../../host/copies/prove-copy.ts'
import { HostFolder } from '../../host/vault/host-folder.ts'
import { addToRecord, type RecordedCopy, readRecord, recordName } from '../../host/vault/record.ts'
import { isoOf } from '../../instant.ts'
import { decideExpiry, expire, finishExpiry } from './expire.ts'
import { byFile } from './names.ts'
import { settingsOf, type VaultTools, withHostSoon } from './vault.ts'

/** How much is read; without a limit, everything that was not read within a week, and with `all` everything. */
export interface CheckLimits {
  budgetMs?: number | undefined
  bytes?: number | undefined
  all?: boolean | undefined
}

/** A copy that is not what was accepted. */
export interface Damage {
  host: string
  file: string
  reason: string
}

/** What came of reading copies again. */
export interface Checked {
  files: number
  bytes: number
  damaged: Damage[]
  /** Files that lie among copies, and are on no record: a crash has left them, or somebody has put them there. */
  unrecorded: string[]
  /** Of which hosts the record cannot be read, wholly or in part. */
  records: { host: string; reason: string }[]
  /** How many were due, and are left for the next time; those too that could not be noted, as their host was sending. */
  left: number
}

/** Several names of one file. */
interface Reading {
  host: string
  files: string[]
  copy: RecordedCopy
}

/** The record of a host, read once before the copies are. */
interface Looked {
  host: string
  readings: Reading[]
  /** What of the record cannot be read. */
  reason?: string
  /** Nothing of it can. */
  isUnread?: boolean
}

/**
 * Reads copies again, those first that were not read for the longest time, and notes of each whether it is what was accepted.
 * One that was damaged and reads back as it should is good again. Then what `keep` does not keep any more goes. Tells of damage.
 */
export async function checkCopies(
  hosts: readonly string[],
  limits: CheckLimits,
  tools: VaultTools,
): Promise<Checked> {
  const { vault, now } = tools
  const startedAt = now()
  const looked = hosts.map((host) => look(host, vault.path))
  const readable = looked.flatMap(({ host, isUnread }) => (isUnread ? [] : [host]))
  const due = looked
    .flatMap(({ readings }) => readings)
    .filter(({ copy }) => limits.all || isStale(Date.parse(copy.readAt), startedAt))
    .sort((one, other) => Date.parse(one.copy.readAt) - Date.parse(other.copy.readAt))
  const checked: Checked = {
    ...{ files: 0, bytes: 0, damaged: [], unrecorded: [], left: 0 },
    records: looked.flatMap(({ host, reason }) => (reason === undefined ? [] : [{ host, reason }])),
  }
  for (const reading of due) {
    const isSpent =
      (limits.budgetMs !== undefined && now() - startedAt >= limits.budgetMs) ||
      (limits.bytes !== undefined && checked.bytes >= limits.bytes)
    if (isSpent) {
      checked.left += 1
      continue
    }
    const { reason, isGone, isNoted } = await readAgain(reading, tools)
    if (isGone) continue
    if (!isNoted) checked.left += 1
    checked.files += 1
    checked.bytes += reading.copy.sizeBytes
    if (reason !== undefined) checked.damaged.push({ host: reading.host, file: reading.copy.file, reason })
  }
  for (const host of readable) await settle(host, tools)
  for (const host of hosts) tellDamage(host, checked, tools)
  return { ...checked, unrecorded: readable.flatMap((host) => unrecordedIn(host, vault.path)) }
}

function look(host: string, path: string): Looked {
  using folder = HostFolder.open(path, host)
  try {
    const { copies, damage } = readRecord(folder.root)
    const readings = byFile(folder, copies).flatMap((names) => {
      const [copy] = names
      return copy ? [{ host, files: names.map(({ file }) => file), copy }] : []
    })
    return { host, readings, ...(damage !== undefined && { reason: damage }) }
  } catch (error) {
    return { host, readings: [], reason: reasonOf(error), isUnread: true }
  }
}

/** Has `keep` as it is now decide, without a copy having come, and removes what a crash has left; another time where the host is sending. */
async function settle(host: string, tools: VaultTools): Promise<void> {
  const { keep } = settingsOf(tools.vault, host)
  await withHostSoon(host, tools, async (folder) => {
    const record = readRecord(folder.root)
    finishExpiry(folder, record)
    for (const source of new Set(record.copies.map((copy) => copy.source)))
      expire(folder, decideExpiry(record, source, keep), source, tools.now())
  })
}

function tellDamage(host: string, { damaged, records }: Checked, { tell, now }: VaultTools): void {
  const found = [
    ...damaged.filter((one) => one.host === host).map(({ file, reason }) => ({ file, reason })),
    ...records.filter((one) => one.host === host).map(({ reason }) => ({ file: recordName, reason })),
  ]
  if (found.length > 0) tell?.({ definition: vaultDamaged, data: { host, at: isoOf(now()), damaged: found } })
}

/** What came of reading a copy. */
interface ReadAgain {
  /** Why it is not good; undefined if it is. */
  reason?: string | undefined
  /** `keep` has let it go meanwhile. */
  isGone: boolean
  isNoted: boolean
}

/** Reads without the lock, for that may take hours. */
async function readAgain({ host, files, copy }: Reading, tools: VaultTools): Promise<ReadAgain> {
  const { vault, runner, signal, now } = tools
  using folder = HostFolder.open(vault.path, host)
  const reason = await whyDamaged()
  const noted = await withHostSoon(host, tools, async ({ root }) => {
    const stands = new Set(readRecord(root).copies.map(({ file }) => file))
    const mine = files.filter((file) => stands.has(file))
    const at = isoOf(now())
    if (mine.length === 0) return 'gone'
    if (reason === undefined) addToRecord(root, { did: 'read', files: mine, at })
    else addToRecord(root, { did: 'damage', files: mine, at, reason })
    return 'noted'
  })
  return { reason, isGone: noted === 'gone', isNoted: noted === 'noted' }

  async function whyDamaged(): Promise<string | undefined> {
    const at = folder.at(copy.file)
    if (at === undefined || !folder.look(copy.file)) return 'it is not there'
    try {
      const found = await digestOnDisk(`${folder.path}/accepted/${copy.file}`, { at, runner, signal })
      return found === copy.sha256 ? undefined : 'it does not read back as it was accepted'
    } catch (error) {
      signal.throwIfAborted()
      return reasonOf(error)
    }
  }
}

function unrecordedIn(host: string, path: string): string[] {
  using folder = HostFolder.open(path, host)
  const known = new Set(readRecord(folder.root).copies.map(({ file }) => file))
  return folder.accepted
    .names()
    .flatMap((source) => (folder.source(source)?.names() ?? []).map((name) => `${source}/${name}`))
    .filter((file) => !known.has(file))
    .map((file) => `${folder.path}/accepted/${file}`)
}
