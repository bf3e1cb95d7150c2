import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Figure } from './main.ts'
import { inFolder, ratio, skipped, timed } from './measure.ts'
import { plainSources, type Released, release } from './released.ts'

const bench = 'startUp'
const pairs = 31
const daemons = 3
/** Until what a start leaves to be collected has been. */
/** What is past its keep is removed by then. */
const settledMs = 5000
const idleMs = 10_000

/** What starting takes, in times of a Node that does nothing: of the released build, turn by turn. */
export async function startUp(): Promise<Figure[]> {
  return inFolder(async (folder) => {
    const hdsync = await release(folder, plainSources(folder, 3))
    hdsync.run('target', 'adopt', 't')
    for (let n = 0; n < 3; n += 1) hdsync.run('run', '--quiet')
    const version = () => spawnSync(hdsync.launcher, ['--version'], { env: hdsync.env })
    const runs = () => spawnSync(hdsync.launcher, ['runs'], { env: hdsync.env })
    return [
      ratio(bench, 'hdsync --version, in times of node -e 0', await against(bare, version), { atMost: 1.5 }),
      ratio(bench, 'hdsync runs, in times of node -e 0', await against(bare, runs), { atMost: 2.5 }),
      await borgmatic(version),
      ...(await idling(hdsync)),
    ]
  })
}

async function borgmatic(version: () => unknown): Promise<Figure> {
  const what = 'hdsync --version, in times of borgmatic --version'
  const other = () => spawnSync('borgmatic', ['--version'])
  if (other().error) return skipped(bench, what, 'borgmatic is not installed (apt-get install borgmatic)')
  return ratio(bench, what, await against(other, version), { atMost: 0.2 })
}

/** How many times as long the second takes. */
async function against(first: () => unknown, second: () => unknown): Promise<number[]> {
  second()
  const ratios: number[] = []
  for (let n = 0; n < pairs; n += 1) {
    const firstMs = await timed(async () => first())
    ratios.push((await timed(async () => second())) / firstMs)
  }
  return ratios
}

function bare() {
  return spawnSync(process.execPath, ['-e', '0'])
}

/** The daemon when nobody wants anything of it. */
async function idling({ launcher, env }: Released): Promise<Figure[]> {
  const memory: number[] = []
  const percent: number[] = []
  for (let n = 0; n < daemons; n += 1) {
    const daemon = spawn(launcher, ['serve'], { env, stdio: ['ignore', 'pipe', 'pipe'] })
    const idle = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1e6)'], { stdio: 'ignore' })
    await Promise.race([once(daemon.stdout, 'data'), once(daemon.stderr, 'data')])
    await sleep(settledMs)
    memory.push(residentBytes(daemon.pid) / residentBytes(idle.pid))
    const before = ranMs(daemon.pid)
    await sleep(idleMs)
    percent.push((100 * (ranMs(daemon.pid) - before)) / idleMs)
    idle.kill()
    daemon.kill()
    await once(daemon, 'exit')
  }
  return [
    ratio(bench, 'memory of an idle daemon, in times of an idle node', memory, { atMost: 2 }),
    ratio(bench, 'CPU of an idle daemon, of one core', percent, { atMost: 0.1 }, '%'),
  ]
}

/** How long its threads have run. @see proc_pid_schedstat, in the kernel's Documentation/scheduler/sched-stats.rst */
function ranMs(pid = 0): number {
  const threads = readdirSync(`/proc/${pid}/task`)
  const ns = threads.map((id) =>
    Number(readFileSync(`/proc/${pid}/task/${id}/schedstat`, 'utf8').split(' ')[0]),
  )
  return ns.reduce((sum, one) => sum + one, 0) / 1e6
}

/** @see proc_pid_status(5), VmRSS */
function residentBytes(pid = 0): number {
  const [, kib] = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? []
  return Number(kib) * 1024
}
