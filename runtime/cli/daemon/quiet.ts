import { setTimeout as sleep } from 'node:timers/promises'
import type { Engine } from '../../backup/engine.ts'
import { HdsyncError } from '../../errors.ts'

export interface QuietOptions {
  /** Whether somebody waits for the quiet: then what stands beside runs is not waited for any longer than a moment. */
  isUrgent?: () => boolean
}

/** How long hooks are waited for; what they do not manage is told again by the next engine. */
const hookPatienceMs = 5000
/** How often it is asked whether somebody waits. */
const pollMs = 200

/** Waits until nothing is going on, or nothing can go on any more. Runs that wait are kept. */
export async function quiet(engine: Engine, { isUrgent = () => false }: QuietOptions = {}): Promise<void> {
  engine.hold()
  // They may go on for ever, one event after the other.
  engine.dispatcher.holdGuests()
  while (!engine.dispatcher.failed) {
    const current = engine.current()
    if (current) await engine.ended(current).catch(() => {})
    else if (engine.isLent()) await sleep(pollMs)
    else if (engine.dispatcher.inHand === 0) return
    else if (isUrgent()) await cutOff(engine, 'a run was to begin with another config')
    else await within(pollMs, engine.dispatcher.idle())
  }
}

/** Gives what stands beside runs a moment, and stops it then: it is tried again by the next engine. */
export async function cutOff({ dispatcher }: Engine, reason: string): Promise<void> {
  await within(hookPatienceMs, dispatcher.idle())
  await dispatcher.abandon(new HdsyncError(reason))
}

async function within(limitMs: number, end: Promise<unknown>): Promise<void> {
  const late = Promise.withResolvers<void>()
  const timer = setTimeout(late.resolve, limitMs)
  await Promise.race([end, late.promise]).finally(() => clearTimeout(timer))
}
