import { snapshotOverflowed, snapshotRefused, sourceFailed, syncHeld } from '../../../events/index.ts'
import type { Story, StoryDelivery } from '../../core/bus/journal.ts'
import { localTime, printable } from '../format.ts'
import { wordsOf } from '../view/words.ts'
import { columns, type Drawing, detailsOf, type Line, standingOf, tookMs } from './delivery.ts'
import { followingOf, type Node, treesOf } from './tree.ts'

/** The story of a run as lines of text: its events, and with each what was done about it. */
export function storyText(story: Story, drawing: Drawing): string {
  const lines = treesOf(story).flatMap((root) => chain(root, drawing))
  return lines
    .map((line) => {
      const margin = columns(line, clockTime)
      return `${margin.trim() ? drawing.paint.dim(margin) : margin}  ${line.text}\n`
    })
    .join('')
}

function clockTime(ms: number): string {
  return localTime(ms).slice(-8)
}

/** An event, and below it on the same level whatever follows from it. */
function chain(start: Node, drawing: Drawing): Line[] {
  const lines: Line[] = []
  for (let node: Node | undefined = start; node; ) {
    const { facts, branches, next } = followingOf(node)
    lines.push(...(node.fact ? factLines(node, drawing) : stepLines(node, drawing)))
    for (const fact of facts) lines.push(...indented('  ', '  ', chain(fact, drawing)))
    for (const [index, branch] of branches.entries()) {
      const last = !next && index === branches.length - 1
      lines.push(...indented(last ? '└─ ' : '├─ ', last ? '   ' : '│  ', chain(branch, drawing)))
    }
    node = next
  }
  return lines
}

const marks = { ready: '◦', claimed: '▸', done: '✔', dead: '✖', cancelled: '⊘' }

/** What was asked for: the function named after it is not named again, others stand below. */
function stepLines({ event, deliveries, children }: Node, drawing: Drawing): Line[] {
  const { paint } = drawing
  const main = deliveries.find(({ function: name }) => name === event.type) ?? deliveries[0]
  const words = [
    main ? markOf(main, drawing, endOf(children)) : '·',
    paint.bold(printable(event.type)),
    event.subject && printable(event.subject),
    event.attempt > 1 && paint.yellow(`attempt ${event.attempt}`),
    main && main.function !== event.type && `by ${main.function}`,
    main && standingOf(main, drawing),
  ]
  const text = words.filter(Boolean).join(' ')
  const at = main?.attempts[0]?.startedAt ?? Date.parse(event.time)
  return [
    { at, tookMs: main && tookMs(main), text },
    ...(main ? detailsOf(main, drawing) : []).map(moveIn),
    ...deliveries.filter((one) => one !== main).flatMap((one) => deliveryLines(one, drawing)),
  ]
}

/** What has happened. Who took note of it is told only where that did not simply go well. */
function factLines({ event, deliveries }: Node, drawing: Drawing): Line[] {
  const { paint } = drawing
  const words = wordsOf(event) ?? ''
  // `run.failed` says it all by itself.
  const text = `· ${event.type}${words && !event.type.endsWith(`.${words}`) ? `  ${printable(words)}` : ''}`
  return [
    { text: paint[colourOf(event.type)](text) },
    ...deliveries.filter(isNoteworthy).flatMap((one) => deliveryLines(one, drawing)),
  ]
}

function deliveryLines(delivery: StoryDelivery, drawing: Drawing): Line[] {
  const text = [markOf(delivery, drawing), delivery.function, standingOf(delivery, drawing)]
  return [
    { tookMs: tookMs(delivery), text: text.filter(Boolean).join(' ') },
    ...detailsOf(delivery, drawing).map(moveIn),
  ].map(moveIn)
}

function isNoteworthy({ state, attempts, commands, log }: StoryDelivery): boolean {
  return state !== 'done' || attempts.length > 1 || commands.length > 0 || log.length > 0
}

/** The colour of a fact: red for what failed, yellow for what somebody should know. */
export function colourOf(type: string): 'red' | 'yellow' | 'dim' {
  if (type.endsWith('.failed')) return 'red'
  return /\.(?:refused|overflowed|held|warned|degraded|cancelled|overdue|lettered|disabled)$/.test(type)
    ? 'yellow'
    : 'dim'
}

/** How a step ended that has done its part: a tick beside the word FAILED would say the opposite. */
type End = 'good' | 'odd' | 'bad'

/** What a step has told of its source. */
function endOf(children: readonly Node[]): End {
  const types = children.map(({ event }) => event.type)
  if (types.includes(sourceFailed.type)) return 'bad'
  const odd = [syncHeld, snapshotRefused, snapshotOverflowed].map(({ type }) => type as string)
  return types.some((type) => odd.includes(type)) ? 'odd' : 'good'
}

function markOf({ state }: StoryDelivery, { paint }: Drawing, end: End = 'good'): string {
  if (state === 'done' && end !== 'good') return end === 'bad' ? paint.red(marks.dead) : paint.yellow('!')
  const colour = { ready: 'dim', claimed: 'cyan', done: 'green', dead: 'red', cancelled: 'yellow' } as const
  return paint[colour[state]](marks[state])
}

function moveIn(line: Line): Line {
  return { ...line, text: `  ${line.text}` }
}

function indented(first: string, rest: string, lines: Line[]): Line[] {
  return lines.map((line, index) => ({ ...line, text: `${index === 0 ? first : rest}${line.text}` }))
}
