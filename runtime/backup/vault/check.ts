import { reasonOf } from '../../errors.ts'
import { digestOnDisk } from '../../host/archive/disk-read.ts'
import { isStale } from '../../host/copies/prove-copy.ts'
import { HostFolder } from '../../host/vault/host-folder.ts'
import { addToRecord, type RecordedCopy, readRecord } from '../../host/vault/record.ts'
import { isoOf } from '../../instant.ts'
import type { VaultTools } from './vault.ts'

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
  /** How many were due, and are left for the next time. */
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
  const all = hosts.flatMap((host) => readingsOf(host, vault.path))
  const due = all
    .filter(({ copy }) => limits.all || isStale(Date.parse(copy.readAt), startedAt))
    .sort((one, other) => Date.parse(one.copy.readAt) - Date.parse(other.copy.readAt))
  const checked: Checked = { files: 0, bytes: 0, damaged: [], unrecorded: [], left: 0 }
  for (const reading of due) {
    const isSpent =
      (limits.budgetMs !== undefined && now() - startedAt >= limits.budgetMs) ||
      (limits.bytes !== undefined && checked.bytes >= limits.bytes)
    if (isSpent) {
      checked.left += 1
      continue
    }
    const reason = await readAgain(reading, tools)
    if (reason === 'gone') continue
    checked.files += 1
    checked.bytes += reading.copy.sizeBytes
    if (reason !== undefined) checked.damaged.push({ host: reading.host, file: reading.copy.file, reason })
  }
  return { ...checked, unrecorded: hosts.flatMap((host) => unrecordedIn(host, vault.path)) }
}

function readingsOf(host: string, path: string): Reading[] {
  using folder = HostFolder.open(path, host)
  const readings = new Map<string, Reading>()
  for (const copy of readRecord(folder.root).copies) {
    const at = folder.at(copy.file)
    const inode = at === undefined ? undefined : folder.source(copy.source)?.look(nameIn(copy.file))?.ino
    const key = inode === undefined ? copy.file : String(inode)
    const known = readings.get(key)
    if (known) known.files.push(copy.file)
    else readings.set(key, { host, files: [copy.file], copy })
  }
  return [...readings.values()]
}

/** @returns Why it is not good; undefined if it is; `gone` where `keep` has let it go meanwhile. */
async function readAgain({ host, files, copy }: Reading, tools: VaultTools): Promise<string | undefined> {
  const { vault, runner, signal, now } = tools
  using folder = HostFolder.open(vault.path, host)
  const reason = await whyDamaged()
  const stands = new Set(readRecord(folder.root).copies.map(({ file }) => file))
  const mine = files.filter((file) => stands.has(file))
  if (mine.length === 0) return 'gone'
  const at = isoOf(now())
  if (reason === undefined) addToRecord(folder.root, { did: 'read', files: mine, at })
  else addToRecord(folder.root, { did: 'damage', files: mine, at, reason })
  return reason

  async function whyDamaged(): Promise<string | undefined> {
    const at = folder.at(copy.file)
    if (at === undefined || !folder.source(copy.source)?.look(nameIn(copy.file))) return 'it is not there'
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

function nameIn(file: string): string {
  return file.slice(file.indexOf('/') + 1)
}
