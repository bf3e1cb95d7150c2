import { writeSync } from 'node:fs'
import type { EventBus } from '../../runtime/core/bus/bus.ts'
import { owed } from './publication.ts'

// The other process: `node worker.ts OPENER DIRECTORY publish ID` puts one event on the bus; with `chain` it
// takes one event and emits the next, for ever, and prints the id of each that the bus has answered for.

const [opener = '', directory = '', task, id = ''] = process.argv.slice(2)
const { open }: { open(directory: string): EventBus } = await import(opener)
const bus = open(directory)

if (task === 'publish') await bus.publish([owed(id)])
else await chain()

async function chain(): Promise<never> {
  const turn = { now: 0, renew: [], leaseMs: 1000, claim: 1 }
  await bus.publish([owed('0')])
  acknowledge('0')
  let { claimed } = await bus.exchange({ ...turn, settle: [] })
  for (let hop = 1; ; hop++) {
    const [delivery] = claimed
    if (!delivery) throw new Error(`nothing to do after ${hop} events`)
    const publications = [owed(String(hop))]
    const attempt = { startedAt: 0, endedAt: 0 }
    const settle = [{ outcome: 'done' as const, delivery, attempt, publications }]
    claimed = (await bus.exchange({ ...turn, settle })).claimed
    acknowledge(String(hop))
  }
}

function acknowledge(event: string): void {
  writeSync(1, `${event}\n`)
}
