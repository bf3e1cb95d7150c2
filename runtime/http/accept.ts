import { unknownSources } from '../config/http-checks.ts'
import { didYouMean } from '../config/nearest.ts'
import type { IncomingEvent } from './cloudevents.ts'
import { flawsOf } from './cloudevents.ts'
import type { AppContext } from './context.ts'
import { type Flaw, Problem } from './problem.ts'

/** What became of an event that was sent: an event that was there already belongs to the run of the first one. */
export interface Accepted {
  run: string
  id: string
  duplicate: boolean
}

/**
 * Puts events from outside on the bus: all of them, or none when one is not right. What it answers is durable.
 * @param batched Whether the events stand in a list, for the places in messages.
 * @throws {Problem} An event is of an unknown type, may not be triggered, or its data does not fit.
 */
export async function accept(
  events: readonly IncomingEvent[],
  { engine, config }: Pick<AppContext, 'engine' | 'config'>,
  batched = false,
): Promise<Accepted[]> {
  const sources = Object.keys(config.sources)
  for (const [index, event] of events.entries()) check(event, engine, sources, batched ? `/${index}` : '')
  // Asked for in the same turn of the loop, they share one commit.
  const results = await Promise.all(
    events.map((event) => engine.submit({ ...event, data: event.data ?? {} })),
  )
  return results.map(({ runId, eventId, duplicate }) => ({ run: runId, id: eventId, duplicate }))
}

function check(
  { type, data = {} }: IncomingEvent,
  { registry }: AppContext['engine'],
  sources: readonly string[],
  at: string,
): void {
  const definition = registry.event(type)
  if (!definition)
    throw flawed('unknown-event-type', `${at}/type`, `there is no event ${JSON.stringify(type)}`)
  if (!definition.triggerable)
    throw flawed('not-triggerable', `${at}/type`, `${type} is not for others to send`)
  const parsed = definition.schema.safeParse(data)
  if (!parsed.success) throw invalidData(flawsOf(parsed.error, `${at}/data`))
  const unknown = unknownSources(type, data, sources)
  if (unknown.length === 0) return
  throw invalidData(
    unknown.map(({ name, at: path }) => {
      const hint = didYouMean(name, sources) ?? `the config has ${sources.join(', ')}`
      return {
        pointer: [`${at}/data`, ...path].join('/'),
        detail: `there is no source ${JSON.stringify(name)}: ${hint}`,
      }
    }),
  )
}

function flawed(problem: 'unknown-event-type' | 'not-triggerable', pointer: string, detail: string): Problem {
  return new Problem(problem, detail, { errors: [{ pointer, detail }] })
}

function invalidData(errors: Flaw[]): Problem {
  return new Problem('invalid-data', `${errors[0]?.pointer}: ${errors[0]?.detail}`, { errors })
}
