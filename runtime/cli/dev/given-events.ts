import { existsSync, readFileSync } from 'node:fs'
import type { Envelope, EventDefinition } from '../../../events/index.ts'
import { readPast } from '../../backup/past.ts'
import { envelopeFor } from '../../backup/rehearsal.ts'
import type { Config } from '../../config/config.ts'
import type { Registry } from '../../core/registry/registry.ts'
import { UsageError } from '../../errors.ts'
import { didYouMean } from '../../nearest.ts'

/** An event to be delivered, and what came before it in its run. */
export interface GivenEvent {
  event: Envelope
  history: readonly Envelope[]
}

type Known = Pick<Registry, 'event' | 'events'>

/**
 * Reads a line `TYPE {json}`; without data it is `{}`.
 * @throws {UsageError} There is no such event, or the data does not fit it.
 */
export function eventOfLine(line: string, registry: Known): GivenEvent {
  const [, type = '', text = ''] = /^(\S+)\s*(.*)$/s.exec(line.trim()) ?? []
  return { event: eventOf(type, text === '' ? {} : parsedJson(text), registry), history: [] }
}

/**
 * The events that `--event` names: the last one on record that a function of the user's handles (`last`), those of a file
 * (JSON: `{ "type", "data" }`, or a list of such), or one on record by the beginning of its id.
 * @throws {UsageError} There is none.
 */
export function eventsOfOption(wish: string, registry: Registry, config: Config): GivenEvent[] {
  if (wish !== 'last' && existsSync(wish)) {
    const content = [parsedJson(readFileSync(wish, 'utf8'))].flat() as { type?: unknown; data?: unknown }[]
    return content.map((one) => ({
      event: eventOf(String(one?.type), one?.data ?? {}, registry),
      history: [],
    }))
  }
  return [recordedEvent(wish, registry, config)]
}

function recordedEvent(wish: string, registry: Registry, config: Config): GivenEvent {
  const own = registry.functions.filter(({ guest }) => guest)
  const types = registry
    .events()
    .filter(({ type }) => registry.handlersOf(type).some((one) => own.includes(one)))
    .map(({ type }) => type)
  return readPast(config, ({ bus }) => {
    const events = bus.events({ types, newestFirst: true })
    const event = wish === 'last' ? events[0] : events.find(({ id }) => id.startsWith(wish))
    if (!event) {
      const what = wish === 'last' ? 'no event' : `neither a file ${wish} nor an event of that id`
      throw new UsageError(`there is ${what} that a function of yours handles`, {
        hint: `they handle ${types.join(', ') || 'nothing'}`,
      })
    }
    const run = event.runid === undefined ? [] : bus.events({ runId: event.runid })
    return {
      event,
      history: run.slice(
        0,
        run.findIndex(({ id }) => id === event.id),
      ),
    }
  })
}

function eventOf(type: string, data: unknown, registry: Known): Envelope {
  const event: EventDefinition | undefined = registry.event(type)
  if (!event) {
    const known = registry.events().map((one) => one.type)
    throw new UsageError(`there is no event ${JSON.stringify(type)}`, {
      hint: didYouMean(type, known) ?? 'a line is TYPE {json}, such as run.warned {"reason":"test"}',
    })
  }
  const parsed = event.schema.safeParse(data)
  if (parsed.success) return envelopeFor(event, data as never)
  const issues = parsed.error.issues.map(({ path, message }) => `${path.join('.') || 'data'}: ${message}`)
  throw new UsageError(`the data does not fit ${type}: ${issues.join('; ')}`)
}

function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new UsageError(`this is not JSON: ${(error as Error).message}`, {
      hint: 'a line is TYPE {json}, such as run.warned {"reason":"test"}',
    })
  }
}
