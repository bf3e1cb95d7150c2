import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { RunResult } from '../../../events/index.ts'
import { runsCommand } from '../../../runtime/cli/commands/runs.ts'
import type { Findings } from './findings.ts'
import { type Ended, Hdsync } from './hdsync.ts'
import { judgeBackups, judgeListed, judgeOrder, openStore } from './judge.ts'
import { type LookOptions, look, type Sight } from './look.ts'
import { configFor, type Server, sources } from './server.ts'
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

/**
 * Looks after an hdsync that has ended in order, and judges everything.
 * @param unended Runs that had been interrupted: they must be accounted for.
 */
export async function inspectOrder(
  server: Server,
  findings: Findings,
  { unended = [], ...options }: LookOptions & { unended?: readonly string[] } = {},
): Promise<Store | undefined> {
  const sight = await look(server, options)
  findings.papers.push(sight.folder)
  const store = openStore(sight, findings)
  if (!store) return undefined
  judgeOrder(sight, store, findings)
  await judgeBackups(server, sight, store, findings)
  const listed = await listRuns(sight, findings)
  judgeListed(listed, findings)
  for (const run of unended.filter((one) => !listed.some((known) => known.run === one))) {
    findings.add('runs unaccounted for', `run ${run} is not listed any more`)
  }
  return store
}

/** What `hdsync runs` says of the copied store. */
async function listRuns({ folder }: Sight, findings: Findings): Promise<RunResult[]> {
  const config = join(folder, 'hdsync.yaml')
  writeFileSync(config, configFor(join(folder, 'store')))
  let printed = ''
  const io = {
    stdout: (text: string) => {
      printed += text
    },
    stderr: () => {},
    colour: false,
    env: {},
  }
  try {
    await runsCommand({ config, json: true, all: true, limit: 12 }, io)
    return JSON.parse(printed) as RunResult[]
  } catch (error) {
    findings.add('runs unaccounted for', `hdsync runs: ${(error as Error).message}`)
    return []
  }
}

/** A run that has to succeed. */
export async function goodRun(server: Server, findings: Findings, ...names: string[]): Promise<boolean> {
  const ended = await (await Hdsync.start(server.machine, ...names)).ended
  noteWords(findings, ended)
  return judgeGood(ended, findings)
}

export function judgeGood({ code, result, stderr }: Ended, findings: Findings): boolean {
  if (code === 0 && result?.state === 'succeeded') return true
  findings.add(code === undefined ? 'hung' : 'next run failed', `exit ${code}, ${result?.state}:\n${stderr}`)
  return false
}

/** Stops everything that writes, runs a night, and compares: what the server goes on with has to be whole. */
export async function frozenNight(
  server: Server,
  findings: Findings,
  unended: readonly string[] = [],
): Promise<void> {
  await server.freeze()
  const startedAt = performance.now()
  const good = await goodRun(server, findings)
  server.nightMs = performance.now() - startedAt
  await inspectOrder(server, findings, { compare: good ? sources : [], unended })
}

export function noteWords(findings: Findings, { stderr }: Ended): void {
  findings.texts['stderr.txt'] = `${findings.texts['stderr.txt'] ?? ''}${stderr}----\n`
}
