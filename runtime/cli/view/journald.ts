import type { Envelope } from '../../../events/index.ts'
import * as events from '../../../events/index.ts'
import { createRunner, unobserved } from '../../host/command/command.ts'
import type { Io } from '../io.ts'
import { serialQueue } from '../serial-queue.ts'
import { failureWords, type View } from './lines.ts'
import { wordsOf } from './words.ts'

/** Syslog's numbers. @see syslog(3) */
const priorities = { error: 3, warning: 4, notice: 5, info: 6 }
type Level = keyof typeof priorities

const levels = new Map<string, Level>([
  [events.sourceFailed.type, 'error'],
  [events.runFailed.type, 'error'],
  [events.syncHeld.type, 'warning'],
  [events.runHeld.type, 'warning'],
  [events.runDegraded.type, 'warning'],
  [events.runCancelled.type, 'warning'],
  [events.runWarned.type, 'warning'],
  [events.runOverdue.type, 'warning'],
  [events.functionOverdue.type, 'warning'],
  [events.deadLettered.type, 'warning'],
  [events.hookDisabled.type, 'warning'],
  [events.mirrorSuspect.type, 'warning'],
  [events.snapshotRefused.type, 'warning'],
  [events.snapshotOverflowed.type, 'warning'],
  [events.runStarted.type, 'notice'],
  [events.runSucceeded.type, 'notice'],
])

const limitMs = 10_000

/**
 * A line an event for systemd's journal, with the fields `HDSYNC_RUN=`, `HDSYNC_SOURCE=` and `HDSYNC_EVENT=` to look
 * it up by: `journalctl HDSYNC_SOURCE=home`.
 */
export function journaldView(io: Io): View {
  const runner = createRunner({
    observer: unobserved,
    signal: new AbortController().signal,
    owner: '',
  })
  const tell = serialQueue()
  const write = (level: Level, message: string, fields: Record<string, string | undefined> = {}) => {
    const entry = { MESSAGE: message, PRIORITY: priorities[level], SYSLOG_IDENTIFIER: 'hdsync', ...fields }
    const lines = Object.entries(entry).flatMap(([name, value]) =>
      value === undefined ? [] : `${name}=${String(value).replaceAll('\n', ' ')}\n`,
    )
    tell(() =>
      runner
        .run({ argv: ['logger', '--journald'], input: lines.join(''), timeoutMs: limitMs })
        // Where logger(1) is missing, the line goes the common way.
        .catch(() => io.stderr(`<${priorities[level]}>${message.replaceAll('\n', ' ')}\n`)),
    )
  }
  const note = (message: string) => write('warning', message)
  return {
    onEvent(event) {
      const words = wordsOf(event)
      if (words) write(levelOf(event), `${event.subject ?? 'run'}: ${words}`, fieldsOf(event))
    },
    onSettled(settlement) {
      const words = failureWords(settlement)
      const { event } = settlement.delivery
      if (words) write('warning', `${event.subject ?? 'run'}: ${words}`, fieldsOf(event))
    },
    onLog({ event, function: name }, { level, message }) {
      if (level !== 'warn') return
      write('warning', `${event.subject ?? 'run'}: ${name} warns: ${message}`, fieldsOf(event))
    },
    onWarning: note,
    note,
    end() {},
  }
}

function levelOf({ type }: Pick<Envelope, 'type'>): Level {
  return levels.get(type) ?? 'info'
}

function fieldsOf({ runid, subject, type, attempt }: Envelope): Record<string, string | undefined> {
  return {
    HDSYNC_RUN: runid,
    HDSYNC_SOURCE: subject,
    HDSYNC_EVENT: type,
    HDSYNC_ATTEMPT: attempt > 1 ? String(attempt) : undefined,
  }
}
