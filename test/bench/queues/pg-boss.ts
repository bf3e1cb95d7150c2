import { dirname } from 'node:path'
import type { Queue } from './main.ts'

interface Boss {
  start(): Promise<unknown>
  createQueue(name: string): Promise<void>
  send(queue: string, data: object): Promise<unknown>
  fetch(queue: string): Promise<{ id: string; data: { left: number } }[]>
  complete(queue: string, id: string): Promise<unknown>
  stop(options: object): Promise<void>
  on(event: 'error', told: () => void): void
}

/** pg-boss. Its own workers poll twice a second at most: a job is fetched as soon as it has been sent instead. */
export async function openPgBoss(module: string, socket: string): Promise<Queue> {
  const { PgBoss } = (await import(module)) as { PgBoss: new (options: object) => Boss }
  const boss = new PgBoss({
    host: dirname(socket),
    user: 'bench',
    database: 'postgres',
    max: 8,
    schedule: false,
    supervise: false,
  })
  boss.on('error', () => {})
  await boss.start()
  await boss.createQueue('hops')
  const chain = async () => {
    for (;;) {
      const [job] = await boss.fetch('hops')
      if (!job) continue
      const { left } = job.data
      if (left > 1) await boss.send('hops', { left: left - 1 })
      await boss.complete('hops', job.id)
      if (left <= 1) return
    }
  }
  return {
    async hops(count, chains) {
      for (let n = 0; n < chains; n += 1) await boss.send('hops', { left: Math.round(count / chains) })
      await Promise.all(Array.from({ length: chains }, chain))
    },
    close: () => boss.stop({ graceful: false }),
  }
}
