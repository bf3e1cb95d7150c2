import { join } from 'node:path'
import { type DataOf, fleetCommandGiven } from '../../events/index.ts'
import { SqliteBus } from '../../runtime/core/bus/sqlite/bus.ts'
import { openDatabase } from '../../runtime/core/bus/sqlite/database.ts'
import type { Machine } from './fleet.ts'

/** Commands of a hub as they were sent. */
export function commandsSent({ folder }: Pick<Machine, 'folder'>): DataOf<typeof fleetCommandGiven>[] {
  const bus = new SqliteBus(openDatabase(join(folder, 'state')), join(folder, 'state'))
  try {
    return bus
      .events({ types: [fleetCommandGiven.type] })
      .map(({ data }) => data as DataOf<typeof fleetCommandGiven>)
  } finally {
    bus.close()
  }
}
