import { copyFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import type { Machine } from '../machine.ts'
import type { Findings } from './findings.ts'
import { Hdsync } from './hdsync.ts'
import { frozenNight, goodRun, inspect, inspectOrder, judgeGood, noteWords } from './night.ts'
import type { Moment, Phase, Trial } from './plan.ts'
import { type Server, sources } from './server.ts'
import type { Store } from './store.ts'

/** Where it hit: a part of the night, or nowhere, as the night was over first. */
export type Hit = Phase | 'start' | 'end' | 'missed'

type Of<K extends Trial['kind']> = Extract<Trial, { kind: K }>

/**
 * Cuts the power, or kills hdsync, once or twice in a row. Then either a whole night follows, or a run of the plain
 * folder alone, which leaves the volumes to what puts things in order at the start; the next trial begins from there.
 */
export async function stopped(server: Server, trial: Of<'cut' | 'hdsync'>, findings: Findings): Promise<Hit> {
  let hit: Hit = 'missed'
  const words = trial.after === 'recovery' ? ['plain'] : []
  const unended: string[] = []
  for (const [index, moment] of trial.moments.entries()) {
    const hdsync = await begin(server, moment, index > 0 ? words : [])
    const phase = await hdsync.phase()
    if (index === 0) hit = phase
    const store = await (trial.kind === 'cut' ? cut : killed)(server, hdsync, findings)
    if (!store) return hit
    unended.push(...store.runs.filter((run) => store.ends(run).length === 0))
    if (trial.kind === 'hdsync') await pause(trial.pauseMs)
  }
  if (trial.after === 'run') await frozenNight(server, findings, unended)
  else {
    await server.load()
    const good = await goodRun(server, findings, ...words)
    await inspectOrder(server, findings, { compare: good ? ['plain'] : [], unended })
  }
  return hit
}

/** Starts an hdsync, and waits for a moment of its night. */
async function begin(server: Server, moment: Moment, words: string[]): Promise<Hdsync> {
  await server.load()
  const { machine, nightMs } = server
  if (!('during' in moment)) {
    const hdsync = await Hdsync.start(machine, ...words)
    await hdsync.reach(moment, nightMs)
    return hdsync
  }
  const assassin = await lurk(machine, { kind: moment.during, ...moment, whom: 'none' })
  const hdsync = await Hdsync.start(machine, ...words)
  await assassin.hit(hdsync)
  return hdsync
}

interface Target {
  kind: string
  nth: number
  delayMs: number
  whom: 'all' | 'first' | 'none'
}

/** Lets an assassin lie in wait. */
async function lurk(machine: Machine, { kind, nth, delayMs, whom }: Target) {
  const name = `assassin-${Date.now()}`
  copyFileSync(join(import.meta.dirname, 'assassin'), join(machine.dir, name))
  const assassin = await machine.start(`exec perl /run/lab/${name} ${kind} ${nth} ${delayMs} ${whom}`)
  const said = async (word: string) => (await assassin.output()).stdout.includes(word)
  while (!(await said('ready'))) await pause(10)
  return {
    /** Waits until it has struck. @returns False when the night was over first. */
    async hit(hdsync: Hdsync): Promise<boolean> {
      while (!hdsync.over) {
        if (await said('hit')) return true
        await pause(5)
      }
      await assassin.kill('SIGKILL')
      return said('hit')
    },
  }
}

export async function cut(server: Server, hdsync: Hdsync, findings: Findings): Promise<Store | undefined> {
  await server.cut()
  const ended = await hdsync.ended
  noteWords(findings, ended)
  findings.texts['console-at-cut.txt'] = server.machine.console()
  await server.boot()
  const store = await inspect(server, findings)
  judgePromises(store, ended.stderr, findings)
  return store
}

export async function killed(server: Server, hdsync: Hdsync, findings: Findings): Promise<Store | undefined> {
  await hdsync.kill()
  const ended = await hdsync.ended
  noteWords(findings, ended)
  const store = await inspect(server, findings, { disks: false })
  judgePromises(store, ended.stderr, findings)
  return store
}

/** hdsync tells of an event once it is on the disk: nothing that was told of may be gone. */
function judgePromises(store: Store | undefined, stderr: string, findings: Findings): void {
  for (const line of store?.missing(stderr.split('\n').slice(0, -1)) ?? []) {
    findings.add('events lost', `was told of, and is not in the store: ${line}`)
  }
}

/** Kills a program while hdsync lives, which has to come to a good or to a clear end by itself. */
export async function bereft(
  server: Server,
  trial: Of<'rsync' | 'lvcreate' | 'tar'>,
  findings: Findings,
): Promise<Hit> {
  await server.change()
  // Only lvcreate stops what writes to the volume.
  if (trial.kind === 'lvcreate') await server.load()
  else await server.freeze()
  const assassin = await lurk(server.machine, trial)
  const hdsync = await Hdsync.start(server.machine)
  const hit = (await assassin.hit(hdsync)) ? await hdsync.phase() : 'missed'
  const end = await hdsync.ended
  noteWords(findings, end)
  if (hit === 'missed') judgeGood(end, findings)
  else if (end.code === undefined) findings.add('hung', `after the end of ${trial.kind}:\n${end.stderr}`)
  else judgeClear(end.code, end.result?.state, findings)
  const whole = end.code === 0 && trial.kind !== 'lvcreate'
  await inspectOrder(server, findings, { compare: whole ? sources : [] })
  if (!whole) await frozenNight(server, findings)
  return hit
}

/** Done again, or failed and said so: nothing in between. */
function judgeClear(code: number, state: string | undefined, findings: Findings): void {
  const clear = (code === 0 && state === 'succeeded') || (code === 1 && state === 'failed')
  findings.expect(clear, 'runs unaccounted for', `exit ${code} with state ${state}`)
}
