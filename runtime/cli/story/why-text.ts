import { basename, dirname } from 'node:path'
import type { SourceState } from '../../../events/index.ts'
import type { FailedCommand, Failure } from '../../backup/story/failure.ts'
import type { Success, Told } from '../../backup/story/told.ts'
import { isDegraded } from '../../backup/story/warnings.ts'
import { shellQuote } from '../../shell-quote.ts'
import { firstAndLast, localDay, type Painter, painter, printable, wrapWords } from '../format.ts'
import type { Io } from '../io.ts'

/** Prose is wrapped; what somebody else said, or what is to be pasted, is not. */
type Line = { prose: string } | { verbatim: string }

/** Longer lines of prose are not easy to read. */
const longestLine = 100
const stderrLines = 6
const margin = 10

/** The story: a headline, then paragraphs with what each is about in the margin. */
export function whyText(told: Told, { colour, width = longestLine }: Io): string {
  const paint = painter(colour)
  const { source, failure, good, goodSince } = told
  const warned = good !== undefined && good.warnings.length > 0
  const toDo = paragraph('To do', told.remedy.map(stepLine), width, paint)
  const isGood = good && goodText(told, good, toDo, width, paint)
  if (!failure) {
    if (isGood) return warned ? isGood : `${isGood}; no failure is on record\n`
    return `${paint.bold(source)} has not been backed up yet\n  hdsync run ${source}\n`
  }
  const { state, at, run } = failure
  const verb = { failed: 'failed', held: 'was held', cancelled: 'was cancelled' }[state]
  const headline = `${paint.bold(source)} ${paint.state(state).replace(state, verb)} on ${momentOf({ at, run })}`
  const none = 'it has not succeeded again'
  const since = goodSince
    ? 'it has succeeded again, see above'
    : good
      ? `${none}; the last good backup is that of ${momentOf(good)}`
      : `${none}, and never before as far as is known`
  const text = [
    paragraph('What', whatFailed(told, failure), width, paint),
    paragraph('Command', commandLines(failure.command), width, paint),
    paragraph('Kernel', failure.kernel.map(verbatim), width, paint),
    paragraph('hdsync', whatWasDone(failure), width, paint),
    paragraph('Since', [prose(since)], width, paint),
    goodSince ? '' : toDo,
  ].join('')
  const before = warned ? '\n' : '\n\n'
  return `${goodSince ? `${isGood}${before}Before that, ${headline}` : headline}\n${text}`
}

/** A success in a line; one with warnings as a story of its own, ended. */
function goodText(
  { source }: Told,
  good: NonNullable<Told['good']>,
  toDo: string,
  width: number,
  paint: Painter,
): string {
  const { warnings } = good
  if (warnings.length === 0) return `${paint.bold(source)} ${paint.state('succeeded')} on ${momentOf(good)}`
  const lines = warnings.map(({ step, reason }) => prose(`${stepText(step)}: ${printable(reason)}`))
  const headline = isDegraded(warnings)
    ? `${paint.bold(source)} is ${paint.state('degraded')}: backed up on ${momentOf(good)}, with warnings`
    : `${paint.bold(source)} ${paint.state('succeeded')} on ${momentOf(good)}, in a run with warnings`
  return `${headline}\n${paragraph('What', lines, width, paint)}${toDo}`
}

function momentOf({ at, run }: Success): string {
  return `${localDay(at)} (run ${run})`
}

const steps: Readonly<Record<string, string>> = {
  'backup.start': 'the beginning of the run',
  'target.open': 'opening the backup disk',
  'source.next': 'its turn in the run',
  'snapshot.create': 'preparing a snapshot',
  'snapshot.before': 'getting it ready for its snapshot',
  'snapshot.take': 'taking a snapshot',
  'snapshot.mount': 'mounting the snapshot',
  'source.before': 'getting it ready for its copy',
  'source.prepare': 'getting it ready for its copy',
  'sync.run': 'copying',
  'mirror.flush': 'bringing the copy onto the disk',
  'source.synced': 'what was copied',
  'run.warned': 'the run as a whole',
  'archive.weekly': 'writing the archive',
}

function whatFailed({ trials }: Told, { step, trial, tries, reason }: Failure): Line[] {
  const words = [
    stepText(step),
    trial > 1 ? `on attempt ${trial} of ${trials}` : '',
    tries > 1 ? `after ${tries} attempts` : '',
  ]
  return [prose(`${words.filter(Boolean).join(', ')}: ${printable(reason)}`)]
}

function stepText(step: string): string {
  return steps[step] ? `${steps[step]} (${step})` : step
}

function stepLine(step: string): Line {
  return step.startsWith('$ ') ? verbatim(step) : prose(step)
}

function commandLines(command: FailedCommand | undefined): Line[] {
  if (!command) return []
  const { argv, exitCode, signal, stderr } = command
  const end = exitCode !== null ? `exit code ${exitCode}` : signal ? `ended by ${signal}` : 'it did not end'
  const said = stderr.split('\n').filter((line) => line.trim())
  return [verbatim(`$ ${shellQuote(argv)}`), prose(end), ...firstAndLast(said, stderrLines).map(verbatim)]
}

function whatWasDone({
  refused,
  overflowed,
  mirrorTouched,
  mirrorSuspect,
  others,
  archive,
}: Failure): Line[] {
  const lines = [
    refused > 0 && `took ${snapshots(refused)} that could not be mounted, and removed each again`,
    overflowed > 0 && `took ${snapshots(overflowed)} that filled up, each larger than the one before`,
    mirrorSuspect
      ? 'its mirror is suspect: the next run compares all of it by content'
      : mirrorTouched
        ? 'its mirror may be newer in part: the next run completes it'
        : 'its mirror was not touched',
    ...(['succeeded', 'degraded', 'held', 'failed', 'cancelled'] as const).map((state) =>
      othersText(state, others),
    ),
    archive &&
      `${basename(dirname(archive.path))}'s archive stands, of ${localDay(archive.at)}: ${archive.path}`,
  ]
  return lines.flatMap((line) => (line ? [prose(line)] : []))
}

function snapshots(count: number): string {
  return count === 1 ? 'a snapshot' : `${count} snapshots`
}

function othersText(state: SourceState, others: Failure['others']): string | undefined {
  const names = others.filter((one) => one.state === state).map(({ source }) => source)
  if (names.length === 0) return undefined
  const good = state === 'succeeded' || state === 'degraded'
  return good
    ? `went on with the others: ${names.join(', ')} ${state}`
    : `${names.join(', ')}: ${state} as well`
}

function paragraph(about: string, lines: readonly Line[], width: number, paint: Painter): string {
  const room = Math.max(30, Math.min(width, longestLine) - margin)
  return lines
    .flatMap((line) => ('prose' in line ? wrapWords(line.prose, room) : [paint.dim(line.verbatim)]))
    .map((line, index) => `${paint.bold((index === 0 ? about : '').padEnd(margin))}${line}\n`)
    .join('')
}

function prose(text: string): Line {
  return { prose: text }
}

function verbatim(text: string): Line {
  return { verbatim: printable(text) }
}
