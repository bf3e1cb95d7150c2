import { setTimeout } from 'node:timers/promises'
import { reasonOf } from '../../errors.ts'
import { digestOnDisk } from '../../host/archive/disk-read.ts'
import { isStale } from '../../host/copies/prove-copy.ts'
import { HostFolder } from '../../host/vault/host-folder.ts'
import { addToRecord, type RecordedCopy, readRecord } from '../../host/vault/record.ts'
import { isoOf } from '../../instant.ts'
import { finishExpiry } from './expire.ts'
import { byFile } from './names.ts'
import { BusyError, type VaultTools, withHost } from './vault.ts'

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

/**
 * Reads copies again, those first that were not read for the longest time, and notes of each whether it is what was accepted.
 * One that was damaged and reads back as it should is good again.
 */
export async function checkCopies(
  hosts: readonly string[],
  limits: CheckLimits,
  tools: VaultTools,
): Promise<Checked> {
  const { vault, now } = tools
  const startedAt = now()
  const records = hosts.flatMap((host) => recordProblem(host, vault.path))
  const unread = new Set(records.filter(({ isWhole }) => isWhole).map(({ host }) => host))
  const readable = hosts.filter((host) => !unread.has(host))
  const all = readable.flatMap((host) => readingsOf(host, vault.path))
  const due = all
    .filter(({ copy }) => limits.all || isStale(Date.parse(copy.readAt), startedAt))
    .sort((one, other) => Date.parse(one.copy.readAt) - Date.parse(other.copy.readAt))
  const checked: Checked = {
    ...{ files: 0, bytes: 0, damaged: [], unrecorded: [], left: 0 },
    records: records.map(({ host, reason }) => ({ host, reason })),
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
  for (const host of readable) await finished(host, tools)
  return { ...checked, unrecorded: readable.flatMap((host) => unrecordedIn(host, vault.path)) }
}

function recordProblem(host: string, path: string): { host: string; reason: string; isWhole: boolean }[] {
  using folder = HostFolder.open(path, host)
  try {
    const { damage } = readRecord(folder.root)
    return damage === undefined ? [] : [{ host, reason: damage, isWhole: false }]
  } catch (error) {
    return [{ host, reason: reasonOf(error), isWhole: true }]
  }
}

/** Removes what a crash has left of what expired; another time where the host is sending. */
async function finished(host: string, tools: VaultTools): Promise<void> {
  await locked(host, tools, async (folder) => finishExpiry(folder, readRecord(folder.root)))
}

const attempts = 5
const pauseMs = 200

/** Does something under the lock of a host. @returns undefined where it is taken, for longer than a request takes. */
async function locked<T>(
  host: string,
  tools: VaultTools,
  work: (folder: HostFolder) => Promise<T>,
): Promise<T | undefined> {
  for (let attempt = 1; attempt <= attempts; attempt += 1) {
    try {
      return await withHost(host, tools, work)
    } catch (error) {
      if (!(error instanceof BusyError)) throw error
    }
    if (attempt < attempts) await setTimeout(pauseMs, undefined, { signal: tools.signal })
  }
  return undefined
}

function readingsOf(host: string, path: string): Reading[] {
  using folder = HostFolder.open(path, host)
  return byFile(folder, readRecord(folder.root).copies).flatMap((copies) => {
    const [copy] = copies
    return copy ? [{ host, files: copies.map(({ file }) => file), copy }] : []
  })
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
  const noted = await locked(host, tools, async ({ root }) => {
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
