import type { EventDefinition } from '../../events/define.ts'
import { TerminalError } from '../errors.ts'
import { parseDuration } from '../units.ts'
import type { StartOptions } from './function.ts'
import type { StartWish } from './publication.ts'

/**
 * Reads what a handler says of a run that it starts.
 * @throws {TerminalError} The event may not be asked for, or a duration is none.
 */
export function startOf(
  functionName: string,
  { type, startsRun, triggerable }: EventDefinition,
  data: unknown,
  { delay, key, dedupe = key !== undefined }: StartOptions,
): StartWish {
  const refuse = (why: string) => new TerminalError(`${functionName} starts ${type}: ${why}`)
  if (startsRun && !triggerable) throw refuse('that may not be asked for by functions')
  const msOf = (name: string, text: string): number => {
    const ms = parseDuration(text)
    if (ms === undefined) throw refuse(`${name} ${JSON.stringify(text)} is not a duration, such as 10m`)
    return ms
  }
  return {
    delayMs: delay === undefined ? 0 : msOf('delay', delay),
    key: dedupe === false ? undefined : (key ?? JSON.stringify(data)),
    withinMs: typeof dedupe === 'string' ? msOf('dedupe', dedupe) : 0,
  }
}
