import { z } from 'zod'
import { defineEvent, type EventDefinition } from '../../events/index.ts'
import { defineFunction } from '../../runtime/backup/function.ts'
import { rootPublication } from '../../runtime/core/publication.ts'
import { createRegistry, register } from '../../runtime/core/registry/registry.ts'
import { openBare } from './bus/bare.ts'
import type { Figure } from './main.ts'
import { inFolder, median, timed } from './measure.ts'

/** Nine events in a chain through functions that do nothing, each made durable before the next. */
export async function chainOfNine(): Promise<Figure[]> {
  return inFolder(async (folder) => {
    const links = Array.from({ length: 10 }, (_, n) =>
      defineEvent(`link.n${n}`, z.strictObject({}), { external: n === 9 }),
    )
    let ended = () => {}
    const functions = links.slice(0, 9).map((on, n) => {
      const next = links[n + 1] as EventDefinition
      const run = (_: unknown, { emit }: { emit: (event: EventDefinition, data: object) => void }) =>
        emit(next, {})
      return register(on.type, defineFunction({ on, emits: [next], run }))
    })
    const registry = createRegistry(functions, new Map())
    const { dispatcher, close } = openBare(folder, registry, ({ type }) => {
      if (type === 'link.n9') ended()
    })
    const times: number[] = []
    for (let n = 0; n < 200; n += 1) {
      times.push(
        await timed(async () => {
          const end = new Promise<void>((resolve) => {
            ended = resolve
          })
          await dispatcher.publish([
            rootPublication(registry, links[0] as EventDefinition, {}, { now: Date.now() }),
          ])
          await end
        }),
      )
    }
    await close()
    return [
      {
        bench: 'chainOfNine',
        what: 'nine no-op events, durable, end to end',
        value: median(times),
        unit: 'ms',
        goal: 20,
      },
    ]
  })
}
