import { createLogUpdate } from 'log-update'
import type { DataOf, Envelope, EventDefinition } from '../../../events/index.ts'
import * as events from '../../../events/index.ts'
import type { Config } from '../../config/config.ts'
import type { Progress } from '../../progress.ts'
import { formatBytes, formatDuration } from '../../units.ts'
import { type Painter, painter } from '../format.ts'
import type { View } from './lines.ts'
import { wordsOf } from './words.ts'

/** What one line of the live view shows. */
export interface SourceLine {
  state: 'waiting' | 'working' | 'good' | 'warning' | 'bad'
  words: string
  attempt: number
  progress: Progress | undefined
}

const refreshMs = 80
const barWidth = 20
const spinner = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏']

/** A line a source, drawn anew as things happen: for a person at a terminal. */
export function liveView(stream: NodeJS.WriteStream, config: Config): View {
  const draw = createLogUpdate(stream)
  const paint = painter(stream.hasColors())
  const lines = new Map<string, SourceLine>()
  let frame = 0
  let ended = false
  const timer = setInterval(() => render(), refreshMs)

  function render(): void {
    frame += 1
    const width = Math.max(...[...lines.keys()].map((name) => name.length), 6)
    const limit = (stream.columns ?? 80) - 1
    draw(
      [...lines]
        .map(([name, line]) =>
          lineOf(name.padEnd(width), line, attemptsOf(config, name), { frame, limit, paint }),
        )
        .join('\n'),
    )
  }
  const note = (message: string) => draw.persist(paint.yellow(message))

  return {
    onEvent(event) {
      if (event.type === events.runStarted.type) {
        for (const source of (event.data as DataOf<typeof events.runStarted>).sources) {
          lines.set(source, { state: 'waiting', words: 'waits', attempt: 1, progress: undefined })
        }
      }
      // Who follows a restore may have missed its beginning.
      if (restoring.has(event.type) && event.subject !== undefined && !lines.has(event.subject))
        lines.set(event.subject, { state: 'working', words: 'begins', attempt: 1, progress: undefined })
      const line = event.subject === undefined ? undefined : lines.get(event.subject)
      if (line) follow(line, event)
      else if (ofRun.has(event.type)) note(wordsOf(event) ?? '')
    },
    onProgress(event, progress) {
      const line = lines.get(event.subject ?? '')
      if (line) line.progress = progress
    },
    onWarning: note,
    note,
    end() {
      if (ended) return
      ended = true
      clearInterval(timer)
      render()
      draw.done()
    },
  }
}

const states = new Map<EventDefinition, SourceLine['state']>([
  [events.sourceSynced, 'good'],
  [events.sourceArchived, 'good'],
  [events.restoreFinished, 'good'],
  [events.syncHeld, 'warning'],
  [events.sourceFailed, 'bad'],
  [events.restoreFailed, 'bad'],
])

/** What concerns no source, and is said beside the lines. */
const ofRun: ReadonlySet<string> = new Set(
  [events.runWarned, events.slotAwaited, events.slotTaken].map(({ type }) => type),
)

const restoring: ReadonlySet<string> = new Set(
  [events.restoreStart, events.restoreUnpack, events.restorePlace].map(({ type }) => type),
)

/** Brings a line up to what an event says. */
export function follow(line: SourceLine, event: Envelope): void {
  const words = wordsOf(event)
  // What has been decided about a source stays in sight while its snapshot is being removed.
  if (!words || event.type === events.snapshotReleased.type || line.state === 'bad') return
  line.words = words
  line.progress = undefined
  line.attempt = Math.max(line.attempt, event.attempt)
  line.state = [...states].find(([{ type }]) => type === event.type)?.[1] ?? 'working'
}

const marks = { good: '✔', warning: '!', bad: '✖', waiting: '·' }
const colours = { working: 'cyan', good: 'green', warning: 'yellow', bad: 'red', waiting: 'dim' } as const

function lineOf(
  name: string,
  line: SourceLine,
  attempts: number,
  { frame, limit, paint }: { frame: number; limit: number; paint: Painter },
): string {
  const { state, progress } = line
  const mark = state === 'working' ? (spinner[frame % spinner.length] ?? '') : marks[state]
  const again = line.attempt > 1 ? `attempt ${line.attempt}/${attempts}  ` : ''
  const text = `${again}${progress && state === 'working' ? progressOf(line.words, progress) : line.words}`
  const cut = text.length > limit - name.length - 4 ? `${text.slice(0, limit - name.length - 5)}…` : text
  const colour = paint[colours[state]]
  return `${colour(mark)} ${paint.bold(name)}  ${state === 'working' ? cut : colour(cut)}`
}

/** `copies ███░░ 43%  1.2 GiB of 2.8 GiB  120 MiB/s  14s left`. */
export function progressOf(words: string, { bytes, totalBytes, bytesPerSecond }: Progress): string {
  const speed = `${formatBytes(bytesPerSecond)}/s`
  if (!totalBytes) return `${words}  ${formatBytes(bytes)}  ${speed}`
  const share = Math.min(1, bytes / totalBytes)
  const full = Math.round(share * barWidth)
  const bar = `${'█'.repeat(full)}${'░'.repeat(barWidth - full)}`
  const leftMs = bytesPerSecond > 0 ? ((totalBytes - bytes) / bytesPerSecond) * 1000 : 0
  const left = leftMs > 0 ? `  ${formatDuration(leftMs)} left` : ''
  return `${words}  ${bar} ${Math.floor(share * 100)}%  ${formatBytes(bytes)} of ${formatBytes(totalBytes)}  ${speed}${left}`
}

function attemptsOf(config: Config, name: string): number {
  const source = config.sources[name]
  return source?.kind === 'lv' ? source.mount.attempts : 1
}
