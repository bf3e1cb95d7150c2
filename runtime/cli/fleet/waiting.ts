import type { Config } from '../../config/config.ts'
import { openDatabaseForReading } from '../../core/bus/sqlite/database.ts'
import { type HostRow, Inbox } from '../../core/bus/sqlite/fleet/inbox.ts'
import { waitingIn } from '../../core/bus/sqlite/fleet/outbox.ts'

/** How many events of this host wait for the hub, and since when (ISO 8601). Looks only. @throws {UsageError} The store cannot be read. */
export function waitingEvents({ state }: Pick<Config, 'state'>): { count: number; since: string | null } {
  return read(state, waitingIn) ?? { count: 0, since: null }
}

/** What the hub knows of its hosts. Looks only. @throws {UsageError} The store cannot be read. */
export function hostRows({ state }: Pick<Config, 'state'>): HostRow[] {
  return read(state, (database) => new Inbox(database).hosts()) ?? []
}

function read<T>(
  state: string,
  look: (database: NonNullable<ReturnType<typeof openDatabaseForReading>>) => T,
): T | undefined {
  const database = openDatabaseForReading(state)
  if (!database) return undefined
  try {
    return look(database)
  } finally {
    database.close()
  }
}
