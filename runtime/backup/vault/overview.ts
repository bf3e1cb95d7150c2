import type { Pull, Vault } from '../../config/vault.ts'
import { reasonOf } from '../../errors.ts'
import { vaultText } from '../../host/copies/vault/ssh.ts'
import { HostFolder } from '../../host/vault/host-folder.ts'
import { type HostRecord, type RecordedCopy, readRecord, recordName } from '../../host/vault/record.ts'
import { decideExpiry } from './expire.ts'
import { type PullState, readPullState, whenOverdue } from './pull-state.ts'
import { usedBytes } from './room.ts'

/** What a vault has of a source of a host. */
export interface SourceInVault {
  source: string
  /** Good copies, and how many of other bytes than the one before they are. */
  copies: number
  different: number
  damaged: number
  /** When the last one arrived, by the clock of the vault, and the night that it is of, by that of the host. */
  lastAt: string | null
  lastNight: string | null
  sizeBytes: number
  /** What is odd about it, since when; null where nothing is. */
  odd: { at: string; reasons: string[] } | null
  /** Why nothing of it goes, though something would; null where nothing is due. */
  waits: string | null
}

/** How a host stands: what `hdsync vault status --json` prints of it. */
export interface HostInVault {
  host: string
  /** Whether `hdsync vault add-host` has prepared the vault for it. */
  prepared: boolean
  /** What of its record cannot be read; null where all can be. Then nothing of it expires. */
  record: string | null
  usedBytes: number
  quotaBytes: number | null
  sources: SourceInVault[]
  /** How fetching from it stands; null where the host sends by itself. */
  pull: PullInVault | null
}

/** How the vault stands with a host that it fetches from. */
export interface PullInVault {
  /** As `root@web1.example.org`. */
  ssh: string
  /** When that was last attempted, and when everything was fetched last; null for never. */
  triedAt: string | null
  goodAt: string | null
  error: string | null
  /** Whether that passes by itself: the host is away, or has something else to do. */
  passes: boolean
  /** Whether nothing has come for longer than `alert.after` says. */
  overdue: boolean
}

/** How the hosts of a vault stand. Looks only. */
export function overviewOf(
  { path, hosts }: Vault,
  names: readonly string[],
  now = Date.now(),
): HostInVault[] {
  return names.map((host): HostInVault => {
    const { quota = null, keep, pull } = hosts[host] ?? {}
    const { prepared, record, damage, state } = recordOf(path, host)
    const nothing = {
      ...{ host, prepared, record: damage, usedBytes: 0, quotaBytes: quota, sources: [] },
      pull: pull ? pullOf(pull, state, record, now) : null,
    }
    if (!record || !keep) return nothing
    const { copies, odd } = record
    const sources = [...new Set(copies.map(({ source }) => source))].map((source): SourceInVault => {
      const found = odd.find((one) => one.source === source)
      const mine = copies.filter((copy) => copy.source === source)
      const waits = decideExpiry(record, source, keep).waits ?? null
      return {
        source,
        ...countsOf(mine),
        odd: found ? { at: found.at, reasons: found.reasons } : null,
        waits,
      }
    })
    return { ...nothing, usedBytes: usedBytes(record), sources }
  })
}

function pullOf(
  pull: Pull,
  state: PullState | undefined,
  record: HostRecord | undefined,
  now: number,
): PullInVault {
  const { triedAt = null, goodAt = null, error = null, passes = false } = state ?? {}
  const overdue = state && record ? whenOverdue(state, record, pull, now) !== undefined : false
  return { ssh: vaultText(pull), triedAt, goodAt, error, passes, overdue }
}

/** What is read of the folder of a host. */
interface Read {
  prepared: boolean
  record?: HostRecord
  damage: string | null
  state?: PullState | undefined
}

function recordOf(path: string, host: string): Read {
  let folder: HostFolder
  try {
    folder = HostFolder.open(path, host)
  } catch {
    return { prepared: false, damage: null }
  }
  try {
    const record = recordIn(folder)
    return { prepared: true, record, damage: record.damage ?? null, state: readPullState(folder) }
  } catch (error) {
    return { prepared: true, damage: reasonOf(error) }
  } finally {
    folder[Symbol.dispose]()
  }
}

/** Records that were read, by their folders: whoever asks for metrics asks again and again, and a record only grows. */
const known = new Map<string, { stamp: string; record: HostRecord }>()

function recordIn({ path, root }: HostFolder): HostRecord {
  const found = root.look(recordName)
  const stamp = found ? `${found.ino} ${found.size} ${found.mtimeMs}` : ''
  const last = known.get(path)
  if (last?.stamp === stamp) return last.record
  const record = readRecord(root)
  known.set(path, { stamp, record })
  return record
}

function countsOf(copies: readonly RecordedCopy[]) {
  const good = copies.filter(({ damaged }) => !damaged)
  const last = good.at(-1)
  return {
    copies: good.length,
    different: new Set(good.map(({ sha256 }) => sha256)).size,
    damaged: copies.length - good.length,
    lastAt: last?.provedAt ?? null,
    lastNight: last?.at ?? null,
    sizeBytes: usedBytes({ copies }),
  }
}
