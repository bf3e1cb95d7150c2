import type { DatabaseSync } from 'node:sqlite'
import type { RunResult } from '../../../events/index.ts'
import { isMeant, type SetThere, setThere } from '../../backup/fleet/commands/configure.ts'
import { type GivenCommand, givenCommands, heldRunOf } from '../../backup/fleet/commands/given.ts'
import { failuresOfHost, type HostFailure, nightsOfHost } from '../../backup/fleet/host-nights.ts'
import type { Config } from '../../config/config.ts'
import type { PushedSet } from '../../config/pushed/merge.ts'
import { SqliteBus } from '../../core/bus/sqlite/bus.ts'
import { openDatabaseForReading } from '../../core/bus/sqlite/database.ts'
import { type HostRow, type HubRole, Inbox } from '../../core/bus/sqlite/fleet/inbox.ts'
import { waitingIn } from '../../core/bus/sqlite/fleet/outbox.ts'

/** How many events of this host wait for the hub, and since when (ISO 8601). Looks only. @throws {UsageError} The store cannot be read. */
export function waitingEvents({ state }: Pick<Config, 'state'>): { count: number; since: string | null } {
  return read(state, waitingIn) ?? { count: 0, since: null }
}

/** What the hub knows of its hosts. Looks only. @throws {UsageError} The store cannot be read. */
export function hostRows({ state }: Pick<Config, 'state'>): HostRow[] {
  return read(state, (database) => new Inbox(database).hosts()) ?? []
}

/** Whether this hub acts for its fleet, or another one; undefined before it has been at work. Looks only. */
export function hubRole({ state }: Pick<Config, 'state'>): HubRole | undefined {
  return read(state, (database) => new Inbox(database).role)
}

/** What the hub has on record of one host. Looks only. @throws {UsageError} The store cannot be read. */
export function hostRecord({ state }: Pick<Config, 'state'>, host: string, now: number): HostRecord {
  const look = (database: DatabaseSync): HostRecord => {
    const bus = new SqliteBus(database, state)
    const row = new Inbox(database).host(host)
    return {
      row,
      commands: givenCommands(bus, row ? [row] : [], now, host),
      nights: nightsOfHost(bus, host, now - nightsMs).map(({ end }) => end?.data as RunResult),
      failures: failuresOfHost(bus, host, mostFailures),
      set: setThere(bus, host, now).find(isMeant)?.set ?? [],
    }
  }
  return read(state, look) ?? { row: undefined, commands: [], nights: [], failures: [], set: [] }
}

export interface HostRecord {
  row: HostRow | undefined
  commands: GivenCommand[]
  /** How its backups of the last 90 days went, the newest first. */
  nights: RunResult[]
  failures: HostFailure[]
  /** What this hub has set in its config. */
  set: PushedSet
}

const nightsMs = 90 * 86_400_000
const mostFailures = 20

/**
 * What the hub has asked of its hosts, and what came of it. Looks only.
 * @param rows What the hub knows of them, where that was read already. @throws {UsageError} The store cannot be read.
 */
export function commandsGiven(
  { state }: Pick<Config, 'state'>,
  now: number,
  rows?: HostRow[],
): GivenCommand[] {
  const look = (database: DatabaseSync) =>
    givenCommands(new SqliteBus(database, state), rows ?? new Inbox(database).hosts(), now)
  return read(state, look) ?? []
}

/** What the hub has asked hosts to set in their config, by host, the newest first. Looks only. @throws {UsageError} The store cannot be read. */
export function configSetThere(
  { state }: Pick<Config, 'state'>,
  hosts: readonly string[],
  now: number,
): Map<string, SetThere[]> {
  const look = (bus: SqliteBus) => new Map(hosts.map((host) => [host, setThere(bus, host, now)]))
  return read(state, (database) => look(new SqliteBus(database, state))) ?? new Map()
}

/** The run in which the hub has seen a source of a host held; null where it was told of none. Looks only. */
export function heldRun(
  { state }: Pick<Config, 'state'>,
  { host, source }: { host: string; source: string },
): string | null {
  return read(state, (database) => heldRunOf(new SqliteBus(database, state), host, source)) ?? null
}

function read<T>(state: string, look: (database: DatabaseSync) => T): T | undefined {
  const database = openDatabaseForReading(state)
  if (!database) return undefined
  try {
    return look(database)
  } finally {
    database.close()
  }
}
