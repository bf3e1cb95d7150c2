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
/** After a change rsync is left to find out that there is none, as it mostly would find another; then it is known before. */
const nights = ['unchanged after a change', 'unchanged', '5 % changed'] as const

const mirrors = '/mnt/mirrors'
/** Of the bare commands. */
const bareMirrors = '/mnt/classic-mirrors'

/**
 * How long the snapshots of a night live, in times of the bare commands one right after the other: lvcreate, mount,
 * rsync as hdsync runs it, umount, lvremove, with the very words that the journal has (where a night has left rsync out,
 * with those of the last one that has not). Both on one machine, turn by turn, each with mirrors of its own.
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
      const copies = new Map<string, readonly string[]>()
      const livesNow = async () => {
        const commands = await server.ours.commands()
        return volumes.map(({ source }) => {
          const life = lifeOf(commands, source)
          const copy = life.commands.find(isCopy)?.argv ?? copies.get(source)
          if (!copy) throw new Error(`the journal has no copy of ${source}`)
          copies.set(source, copy)
          return { ...life, copy }
        })
      }
      await livesNow()
      await server.change(rounds)
      await server.ours.night(zones[1] ?? '')
      await server.do(`cp -a ${mirrors}/. ${bareMirrors}/`)
      const ratios = new Series()
      const parts = new Series()
      // No night falls on the weekday of the one before.
      let count = 0
      for (let round = 0; round < rounds; round += 1) {
        for (const night of nights) {
          if (night === '5 % changed') await server.change(round)
          await server.ours.night(zones[count % 2] ?? '')
          count += 1
          const lives = await livesNow()
          const livesMs = sum(lives.map(({ ms }) => ms))
          const bareMs = sum(await each(lives, (life) => bare(server, life)))
          ratios.add(`${night}: in times of the bare commands`, livesMs / bareMs)
          say(`${bench}: ${night}: in a night ${Math.round(livesMs)} ms, bare ${Math.round(bareMs)} ms`)
          for (const [kind, ms] of partsOf(lives)) parts.add(`  ${night}: ${kind}`, (100 * ms) / livesMs)
        }
      }
      return [
        ...ratios.figures(bench, () => ({ unit: 'x', goal })),
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

/** The one of everything. */
function isCopy(command: Command): boolean {
  return kindOf(command) === 'copy' && !command.argv.includes('--from0')
}

/** Runs the same commands without anything between them, to mirrors of their own. @returns Milliseconds. */
async function bare(
  server: LabServer,
  { commands, copy }: Life & { copy: readonly string[] },
): Promise<number> {
  const step = (program: string) => commands.find(({ argv }) => argv[0] === program)?.argv ?? []
  const at = step('mount').at(-1) ?? ''
  const folder = quoted(at)
  const steps = [
    step('lvcreate'),
    step('mount'),
    [...copy.slice(0, -2), `${at}/`, copy.at(-1) ?? ''],
    step('umount'),
    step('lvremove'),
  ]
  const script = steps.map(
    (argv) => `${argv.map((word) => quoted(word.replace(mirrors, bareMirrors))).join(' ')} || exit`,
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
