import type { RunResult } from '../../../events/index.ts'
import type { Findings } from './findings.ts'
import { type Ended, Hdsync } from './hdsync.ts'
import { judgeBackups, judgeListed, judgeOrder, openStore } from './judge.ts'
import { type LookOptions, look } from './look.ts'
import type { Server } from './server.ts'
import type { Store } from './store.ts'

/** Looks at the server while no hdsync runs, and judges what has to be true at any moment. */
export async function inspect(
  server: Server,
  findings: Findings,
  options: LookOptions = {},
): Promise<Store | undefined> {
  const sight = await look(server, options)
  findings.papers.push(sight.folder)
  const store = openStore(sight, findings)
  if (store && options.disks !== false) await judgeBackups(server, sight, store, findings)
  return store
}

/** Looks after an hdsync that has ended in order, and judges everything. */
export async function inspectOrder(
  server: Server,
  findings: Findings,
  options: LookOptions = {},
): Promise<Store | undefined> {
  const sight = await look(server, options)
  findings.papers.push(sight.folder)
  const store = openStore(sight, findings)
  if (!store) return undefined
  judgeOrder(sight, store, findings)
  await judgeBackups(server, sight, store, findings)
  return store
}

/** A run that has to succeed. */
export async function goodRun(server: Server, findings: Findings, ...sources: string[]): Promise<boolean> {
  const ended = await (await Hdsync.start(server.machine, ...sources)).ended
  noteWords(findings, ended)
  return judgeGood(ended, findings)
}

export function judgeGood({ code, result, stderr }: Ended, findings: Findings): boolean {
  if (code === 0 && result?.state === 'succeeded') return true
  findings.add(code === undefined ? 'hung' : 'next run failed', `exit ${code}, ${result?.state}:\n${stderr}`)
  return false
}

/**
 * Stops everything that writes, runs a night, and compares: what the server goes on with has to be whole.
 * @returns What `hdsync runs` lists then.
 */
export async function frozenNight(server: Server, findings: Findings): Promise<RunResult[]> {
  await server.freeze()
  const startedAt = performance.now()
  const compare = await goodRun(server, findings)
  server.nightMs = performance.now() - startedAt
  const listed = JSON.parse(await server.machine.ok('hdsync runs --json --limit 12')) as RunResult[]
  await inspectOrder(server, findings, { compare })
  judgeListed(listed, findings)
  return listed
}

export function noteWords(findings: Findings, { stderr }: Ended): void {
  findings.texts['stderr.txt'] = `${findings.texts['stderr.txt'] ?? ''}${stderr}----\n`
}
