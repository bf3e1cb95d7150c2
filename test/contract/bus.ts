import { describe } from 'vitest'
import type { EventBus } from '../../runtime/core/bus/bus.ts'
import { busBench } from './bus-bench.ts'
import { describeClaims } from './bus-claims.ts'
import { describeOrder } from './bus-order.ts'
import { describeRecords } from './bus-records.ts'

/**
 * What every bus promises; see runtime/core/bus/bus.ts.
 * @param open Opens the bus that lies in a folder, or makes it.
 * @param opener The module that exports `open`, for other processes.
 */
export function describeBus(name: string, open: (directory: string) => EventBus, opener: URL): void {
  describe(`${name}, as an event bus`, () => {
    const bench = busBench(open, opener)
    describeClaims(bench)
    describeOrder(bench)
    describeRecords(bench)
  })
}
