import type { Envelope } from '../../../events/index.ts'
import type { EngineObserver } from '../../backup/engine.ts'
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
    onWarning: note,
    note,
    end() {},
  }
}

/** Only what is wrong. */
export function quietView(io: Io): View {
  const note = (message: string) => io.stderr(`hdsync: ${message}\n`)
  return { onWarning: note, note, end() {} }
}
