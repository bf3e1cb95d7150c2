import { countdown } from '../bus/bare.ts'
import type { Queue } from './main.ts'

interface Bullmq {
  Queue: new (
    name: string,
    options: object,
  ) => {
    add(name: string, data: object): Promise<unknown>
    waitUntilReady(): Promise<unknown>
    close(): Promise<void>
  }
  Worker: new (
    name: string,
    run: (job: { data: { left: number } }) => Promise<void>,
    options: object,
  ) => { waitUntilReady(): Promise<unknown>; close(): Promise<void> }
}

/** BullMQ: a worker that takes as many jobs at once as there are chains, and is told of new ones. */
export async function openBullmq(module: string, path: string): Promise<Queue> {
  const { Queue, Worker } = ((await import(module)) as { default: Bullmq }).default
  const options = { connection: { path, maxRetriesPerRequest: null } }
  const queue = new Queue('hops', options)
  let ended = () => {}
  const run = async ({ data: { left } }: { data: { left: number } }) => {
    if (left > 1) await queue.add('hop', { left: left - 1 })
    else ended()
  }
  const worker = new Worker('hops', run, { ...options, concurrency: 8, removeOnComplete: { count: 1000 } })
  await Promise.all([queue.waitUntilReady(), worker.waitUntilReady()])
  return {
    async hops(count, chains) {
      const down = countdown(chains)
      ended = down.ended
      for (let n = 0; n < chains; n += 1) await queue.add('hop', { left: Math.round(count / chains) })
      await down.all
    },
    async close() {
      await worker.close()
      await queue.close()
    },
  }
}
