import { labAvailable } from '../../lab/available.ts'
import type { Figure } from '../main.ts'
import { inFolder } from '../measure.ts'
import { zones } from './compare.ts'
import { Series, say, skipped } from './figures.ts'
import { LabServer, volumes } from './lab-server.ts'
import { rounds } from './scale.ts'
import { type Command, covered, kindOf } from './shares.ts'

const bench = 'snapshotLife'
const goal = 1.1
const nights = ['unchanged', '5 % changed'] as const

const mirrors = '/mnt/mirrors'
/** Bare commands with the copy alone, as short as it can be; and with all that hdsync runs of rsync. */
const sorts = [
  { name: 'the bare commands', rsyncs: ['copy'], at: '/mnt/classic-mirrors' },
  { name: 'those, and the dry run', rsyncs: ['dry run', 'copy'], at: '/mnt/classic-archives' },
] as const

/**
 * How long the snapshots of a night live, in times of the bare commands one right after the other: lvcreate, mount,
 * rsync as hdsync runs it, umount, lvremove, with the very words that the journal has. Both on one machine, turn by
 * turn, each with mirrors of its own.
 */
export async function snapshotLife(): Promise<Figure[]> {
  const lab = labAvailable()
  if (!lab.ok) return [skipped(bench, 'the life of a snapshot', lab.why)]
  return inFolder(async (folder) => {
    say(`${bench}: booting`)
    const server = await LabServer.start(folder)
    try {
      await server.ours.fresh()
      await server.ours.night(zones[0])
      for (const { at } of sorts) await server.do(`cp -a ${mirrors}/. ${at}/`)
      const ratios = new Series()
      const parts = new Series()
      for (let round = 0; round < rounds; round += 1) {
        for (const [n, night] of nights.entries()) {
          if (night === '5 % changed') await server.change(round)
          await server.ours.night(zones[(n + 1) % zones.length] ?? '')
          const commands = await server.ours.commands()
          const lives = volumes.map(({ source }) => lifeOf(commands, source))
          const livesMs = sum(lives.map(({ ms }) => ms))
          const said = [`in a night ${Math.round(livesMs)} ms`]
          for (const sort of round % 2 === 0 ? sorts : sorts.toReversed()) {
            const bareMs = sum(await each(lives, (life) => bare(server, life, sort)))
            said.push(`${sort.name} ${Math.round(bareMs)} ms`)
            ratios.add(`${night}: in times of ${sort.name}`, livesMs / bareMs)
          }
          say(`${bench}: ${night}: ${said.join(', ')}`)
          for (const [kind, ms] of partsOf(lives)) parts.add(`  ${night}: ${kind}`, (100 * ms) / livesMs)
        }
      }
      return [
        ...ratios.figures(bench, (what) => ({ unit: 'x', ...(what.endsWith(sorts[0].name) && { goal }) })),
        ...parts.figures(bench, () => ({ unit: '%' })),
      ]
    } finally {
      await server.off()
    }
  })
}

interface Life {
  ms: number
  /** Of the source, from lvcreate to lvremove. */
  commands: Command[]
}

function lifeOf(all: readonly Command[], source: string): Life {
  const of = all.filter((command) => command.source === source)
  const from = of.findIndex(({ argv }) => argv[0] === 'lvcreate')
  const to = of.findLastIndex(({ argv }) => argv[0] === 'lvremove')
  const [first, last] = [of[from], of[to]]
  if (!first || !last) throw new Error(`the journal has no snapshot of ${source}`)
  const ms = Date.parse(last.startedAt) + (last.durationMs ?? 0) - Date.parse(first.startedAt)
  // The archive is written from the mirror, after the copy.
  const commands = of.slice(from, to + 1).filter(({ argv }) => !['tar', 'zstd'].includes(argv[0] ?? ''))
  return { ms, commands }
}

/** What a snapshot's life goes into; what is left, in which no command of its source ran, is hdsync's own. */
function partsOf(lives: readonly Life[]): Map<string, number> {
  const parts = new Map<string, number>()
  const add = (kind: string, ms: number) => parts.set(kind, (parts.get(kind) ?? 0) + ms)
  for (const { ms, commands } of lives) {
    for (const command of commands) {
      const kind = kindOf(command)
      add(kind === 'LVM and mounts' ? (command.argv[0] ?? '') : kind, command.durationMs ?? 0)
    }
    add('own', ms - covered(commands))
  }
  return parts
}

/** Runs the same commands without anything between them, to mirrors of their own. @returns Milliseconds. */
async function bare(
  server: LabServer,
  { commands }: Life,
  { rsyncs, at }: (typeof sorts)[number],
): Promise<number> {
  const runs = commands.filter((command) => ['copy', 'dry run'].includes(kindOf(command)))
  const wanted = runs.filter((command) => rsyncs.some((kind) => kind === kindOf(command)))
  const steps = commands.flatMap((command) => {
    const [program = ''] = command.argv
    if (['lvcreate', 'mount', 'umount', 'lvremove'].includes(program)) return [command.argv]
    // A night that has found nothing to copy has run the dry one alone.
    return (wanted.length > 0 ? wanted : runs).includes(command) ? [command.argv] : []
  })
  const folder = quoted(steps.find(([program]) => program === 'mount')?.at(-1) ?? '')
  const script = steps.map(
    (argv) => `${argv.map((word) => quoted(word.replace(mirrors, at))).join(' ')} || exit`,
  )
  await server.do(`mkdir -p ${folder}`)
  const ms = await server.timed(script.join('\n'))
  await server.do(`rmdir ${folder}`)
  return ms
}

function quoted(word: string): string {
  return `'${word}'`
}

async function each<T, R>(values: readonly T[], body: (value: T) => Promise<R>): Promise<R[]> {
  const results: R[] = []
  for (const value of values) results.push(await body(value))
  return results
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}
