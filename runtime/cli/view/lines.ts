import type { Envelope } from '../../../events/index.ts'
import type { EngineObserver } from '../../backup/engine.ts'
import type { Settlement } from '../../core/bus/bus.ts'
import { isoOf } from '../../instant.ts'
import { localTime, printable } from '../format.ts'
import type { Io } from '../io.ts'
import { wordsOf } from './words.ts'

/** What shows how a run goes while it goes. */
export interface View extends EngineObserver {
  /** Says something beside the run. */
  note(message: string): void
  end(): void
}

/** A line an event, for logs and pipes. */
export function lineView(io: Io, width: number): View {
  const line = (event: Envelope, words: string) => {
    const time = new Date(event.time).toTimeString().slice(0, 8)
    io.stderr(`${time} ${(event.subject ?? 'run').padEnd(width)}  ${words}\n`)
  }
  const note = (message: string) => io.stderr(`hdsync: ${message}\n`)
  return {
    onEvent(event) {
      const words = wordsOf(event)
      if (words) line(event, words)
    },
    onSettled(settlement) {
      const words = failureWords(settlement)
      if (words) line({ ...settlement.delivery.event, time: isoOf(settlement.attempt.endedAt) }, words)
    },
    onLog({ event, function: name }, { level, message }) {
      if (level === 'warn')
        line({ ...event, time: isoOf(Date.now()) }, `${name} warns: ${printable(message)}`)
    },
    onWarning: note,
    note,
    end() {},
  }
}

/** What an attempt that failed says; nothing where it was the last one, which the dead letter tells of. */
export function failureWords(settlement: Settlement): string | undefined {
  if (settlement.outcome !== 'retry') return undefined
  const { delivery, attempt, runAt } = settlement
  const again = localTime(runAt).slice(-8)
  return `${delivery.function} failed in attempt ${delivery.tries}, next one at ${again}: ${printable(attempt.error ?? '')}`
}

/** Only what is wrong. */
export function quietView(io: Io): View {
  const note = (message: string) => io.stderr(`hdsync: ${message}\n`)
  return { onWarning: note, note, end() {} }
}
