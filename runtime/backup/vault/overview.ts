import type { Vault } from '../../config/vault.ts'
import { HostFolder } from '../../host/vault/host-folder.ts'
import { type HostRecord, type RecordedCopy, readRecord } from '../../host/vault/record.ts'
import { decideExpiry } from './expire.ts'
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
  usedBytes: number
  quotaBytes: number | null
  sources: SourceInVault[]
}

/** How the hosts of a vault stand. Looks only. */
export function overviewOf({ path, hosts }: Vault, names: readonly string[]): HostInVault[] {
  return names.map((host): HostInVault => {
    const { quota = null, keep } = hosts[host] ?? {}
    let record: HostRecord | undefined
    try {
      using folder = HostFolder.open(path, host)
      record = readRecord(folder.root)
    } catch {
      record = undefined
    }
    if (!record || !keep) return { host, prepared: false, usedBytes: 0, quotaBytes: quota, sources: [] }
    const { copies, odd } = record
    const sources = [...new Set(copies.map(({ source }) => source))].map((source): SourceInVault => {
      const found = odd.find((one) => one.source === source)
      const mine = copies.filter((copy) => copy.source === source)
      const waits = decideExpiry({ copies, odd }, source, keep).waits ?? null
      return {
        source,
        ...countsOf(mine),
        odd: found ? { at: found.at, reasons: found.reasons } : null,
        waits,
      }
    })
    return { host, prepared: true, usedBytes: usedBytes(record), quotaBytes: quota, sources }
  })
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
    sizeBytes: [...new Map(copies.map(({ sha256, sizeBytes }) => [sha256, sizeBytes])).values()].reduce(
      (sum, bytes) => sum + bytes,
      0,
    ),
  }
}
