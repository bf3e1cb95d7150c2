import { SqliteBus } from '../../../runtime/core/bus/sqlite/bus.ts'
import { openDatabase } from '../../../runtime/core/bus/sqlite/database.ts'
import { systemClock } from '../../../runtime/core/clock.ts'
import { Dispatcher, type DispatcherOptions } from '../../../runtime/core/dispatcher.ts'
import type { Registry } from '../../../runtime/core/registry/registry.ts'

/** The real bus under the real dispatcher, begun, for functions that touch nothing. */
export function openBare(
  folder: string,
  registry: Registry,
  onEvent: NonNullable<DispatcherOptions['onEvent']>,
) {
  const bus = new SqliteBus(openDatabase(folder), folder)
  const dispatcher = new Dispatcher({
    bus,
    registry,
    clock: systemClock,
    context: (delivery, signal) => ({
      host: {},
      config: {},
      run: { id: delivery.event.runid ?? '', startedAt: 0 },
      log: { info() {}, warn() {} },
      signal,
      clock: systemClock,
      progress() {},
    }),
    onEvent,
  })
  dispatcher.start()
  return {
    dispatcher,
    async close() {
      await dispatcher.stop()
      bus.close()
    },
  }
}

/** Waits for so many chains. `ended` is called once by each. */
export function countdown(chains: number): { ended: () => void; all: Promise<void> } {
  const { promise: all, resolve } = Promise.withResolvers<void>()
  let open = chains
  return {
    all,
    ended() {
      open -= 1
      if (open === 0) resolve()
    },
  }
}
