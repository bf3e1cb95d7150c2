/** One machine and its share of the trials: told by its parent what to do, and tells it how each went. */
import { cpSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { type Finding, Findings } from './findings.ts'
import { bereft, type Hit, stopped } from './interrupted.ts'
import { frozenNight } from './night.ts'
import { clockMoved, twoAtOnce } from './odd-hours.ts'
import type { Trial } from './plan.ts'
import { rescueStopped } from './rescues.ts'
import { restoreStopped } from './restores.ts'
import { Server } from './server.ts'
import { verifyStopped } from './verifies.ts'

export interface Work {
  trials: Trial[]
  /** Where evidence goes. */
  evidence: string
}

export interface Report {
  trial: Trial
  hit: Hit | undefined
  findings: Finding[]
  /** Where the evidence is, if there is any. */
  evidence: string | undefined
  tookMs: number
}

let server: Server | undefined

process.once('message', (work: Work) => {
  torture(work).then(
    () => process.exit(0),
    (error) => {
      console.error(error)
      process.exit(1)
    },
  )
})
// Without its parent there is nobody to tell.
process.once('disconnect', () => process.exit(1))

async function torture({ trials, evidence }: Work): Promise<void> {
  for (const trial of trials) {
    const startedAt = performance.now()
    const findings = new Findings()
    let hit: Hit | undefined
    try {
      if (!server) {
        server = new Server()
        await build(server, findings)
      }
      hit = await attempt(server, trial, findings)
    } catch (error) {
      findings.add('broken off', (error as Error).message)
    }
    const bad = findings.list.length > 0
    const folder = bad ? await keep(findings, join(evidence, trial.name), trial) : undefined
    for (const paper of findings.papers) rmSync(paper, { recursive: true, force: true })
    // What was spoiled by one trial is no fault of the next.
    if (bad) await server?.destroy()
    if (bad) server = undefined
    const tookMs = performance.now() - startedAt
    process.send?.({ trial, hit, findings: findings.list, evidence: folder, tookMs } satisfies Report)
  }
  await server?.destroy()
}

/** Builds a server with a good backup. */
async function build(made: Server, findings: Findings): Promise<void> {
  await made.build()
  await made.load()
  await frozenNight(made, findings)
  if (findings.list.length > 0) throw new Error('not even an undisturbed night is good')
}

async function attempt(on: Server, trial: Trial, findings: Findings): Promise<Hit | undefined> {
  if (trial.kind === 'overlap') await twoAtOnce(on, trial, findings)
  else if (trial.kind === 'clock') await clockMoved(on, trial, findings)
  else if (trial.kind === 'restore') return restoreStopped(on, trial, findings)
  else if (trial.kind === 'verify') return verifyStopped(on, trial, findings)
  else if (trial.kind === 'rescue') return rescueStopped(on, trial, findings)
  else return 'moments' in trial ? stopped(on, trial, findings) : bereft(on, trial, findings)
  return undefined
}

/** Saves what shows how it came about. */
async function keep({ list, papers, texts }: Findings, folder: string, trial: Trial): Promise<string> {
  mkdirSync(folder, { recursive: true })
  const found = list.map(({ fault, what }) => `${fault}: ${what}\n`).join('')
  writeFileSync(join(folder, 'findings.txt'), `${JSON.stringify(trial)}\n${found}`)
  for (const [name, text] of Object.entries(texts)) writeFileSync(join(folder, name), text)
  for (const paper of papers) cpSync(paper, join(folder, basename(paper)), { recursive: true })
  try {
    const machine = server?.machine
    writeFileSync(join(folder, 'console.txt'), machine?.console() ?? '')
    const shown =
      'hdsync runs; for run in $(hdsync runs --limit 4 | cut -c1-10 | tail -n +2); do hdsync show $run; done; ps -ef; lvs -a; cat /proc/mounts'
    writeFileSync(join(folder, 'show.txt'), (await machine?.run(`{ ${shown}; } 2>&1`))?.stdout ?? '')
  } catch {
    // The machine itself is gone.
  }
  return folder
}
