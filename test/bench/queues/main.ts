import { join } from 'node:path'
import { openChains } from '../bus/chains.ts'
import type { Figure } from '../main.ts'
import { inFolder, quotients, ratio, skipped, turnByTurn } from '../measure.ts'
import { competitor } from '../packages.ts'
import { openBullmq } from './bullmq.ts'
import { openPgBoss } from './pg-boss.ts'
import { type RunningServer, startPostgres, startRedis } from './servers.ts'

const bench = 'queues'
const rounds = 11
const hops = 100

/** A queue that is as durable as our bus. */
export interface Queue {
  /** So many hops, shared by chains that run at once: each adds the next job before it is done. */
  hops(count: number, chains: number): Promise<void>
  close(): Promise<void>
}

interface Rival {
  name: string
  packages: [string, ...string[]]
  server: string
  start(folder: string): Promise<RunningServer | undefined>
  open(module: string, socket: string): Promise<Queue>
}

const rivals: Rival[] = [
  {
    name: 'BullMQ',
    packages: ['bullmq@6.7.0', 'ioredis@5.8.2'],
    server: 'redis-server',
    start: startRedis,
    open: openBullmq,
  },
  {
    name: 'pg-boss',
    packages: ['pg-boss@12.38.0'],
    server: 'postgresql',
    start: startPostgres,
    open: openPgBoss,
  },
]

/** The bus, in times of queues that need a server beside them, each set to lose nothing. */
export async function queues(): Promise<Figure[]> {
  const figures: Figure[] = []
  for (const rival of rivals) figures.push(...(await against(rival)))
  return figures
}

async function against({ name, packages, server, start, open }: Rival): Promise<Figure[]> {
  const one = `one chain, in times of the rate of ${name}`
  const eight = `eight chains, in times of the rate of ${name}`
  const neither = (reason: string) => [one, eight].map((what) => skipped(bench, what, reason))
  const module = competitor(...packages)
  if (!module) return neither(`${name} cannot be installed`)
  return inFolder(async (folder) => {
    const running = await start(join(folder, 'server'))
    if (!running) return neither(`${server} is not installed`)
    const ours = openChains(join(folder, 'ours'))
    const theirs = await open(module, running.socket)
    const tookMs = await turnByTurn(
      [
        ['ours', () => ours.hops(hops, 1)],
        ['theirs', () => theirs.hops(hops, 1)],
        ['ourEight', () => ours.hops(4 * hops, 8)],
        ['theirEight', () => theirs.hops(4 * hops, 8)],
      ],
      { rounds, warm: 2 },
    )
    await theirs.close()
    await ours.close()
    await running.stop()
    return [
      ratio(bench, one, quotients(tookMs('theirs'), tookMs('ours')), { atLeast: 1 }),
      ratio(bench, eight, quotients(tookMs('theirEight'), tookMs('ourEight')), { atLeast: 1 }),
    ]
  })
}
