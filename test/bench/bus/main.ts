import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Figure } from '../main.ts'
import { inFolder, median, ratio, skipped, timed } from '../measure.ts'
import { competitor } from '../packages.ts'
import { openChains } from './chains.ts'
import { openDisk } from './disk.ts'
import { fillStore } from './fill.ts'
import { openPlainjob } from './plainjob.ts'

const bench = 'bus'
const rounds = 21
const hops = 200
const paceMs = 10
const finishedEvents = 1_000_000

/** What an event costs, against the bare disk, other queues, and itself in a store that is full. */
export async function bus(): Promise<Figure[]> {
  return [...(await rates()), ...(await latency()), ...(await fullStore())]
}

/** Durable hops a second. Turn by turn with the disk, and with plainjob. */
async function rates(): Promise<Figure[]> {
  return inFolder(async (folder) => {
    const disk = openDisk(folder)
    const ours = openChains(join(folder, 'ours'))
    const module = competitor('plainjob@0.0.14')
    const plainjob = module ? await openPlainjob(module, folder) : undefined
    const times = {
      disk: async () => {
        for (let n = 0; n < hops; n += 1) disk.write()
      },
      one: () => ours.hops(hops, 1),
      eight: () => ours.hops(4 * hops, 8),
      ...(plainjob && { plain: () => plainjob.hops(hops, 1), plainEight: () => plainjob.hops(hops, 8) }),
    }
    const rate = await turnByTurn(times, { eight: 4 * hops })
    await ours.close()
    disk.close()
    plainjob?.close()
    const against = (what: string, a: number[], b: number[] | undefined, atLeast: number) =>
      b
        ? ratio(bench, what, quotients(a, b), { atLeast })
        : skipped(bench, what, 'plainjob cannot be installed')
    return [
      against("one chain, in times of the disk's rate", rate.one, rate.disk, 0.55),
      against("eight chains, in times of the disk's rate", rate.eight, rate.disk, 3),
      against("one chain, in times of plainjob's rate", rate.one, rate.plain, 2.5),
      against("eight chains, in times of plainjob's rate", rate.eight, rate.plainEight, 12),
    ]
  })
}

/** From an event that is put on an idle bus to its function, with the disk at the same pace. */
async function latency(): Promise<Figure[]> {
  return inFolder(async (folder) => {
    const disk = openDisk(folder)
    const ours = openChains(join(folder, 'ours'))
    for (let n = 0; n < 100; n += 1) await ours.reach()
    const ratios: number[] = []
    for (let round = 0; round < rounds; round += 1) {
      const reach: number[] = []
      const write: number[] = []
      for (let n = 0; n < 15; n += 1) {
        await sleep(paceMs)
        reach.push(await ours.reach())
        await sleep(paceMs)
        write.push(await timed(async () => disk.write()))
      }
      ratios.push(median(reach) / median(write))
    }
    await ours.close()
    disk.close()
    return [
      ratio(bench, 'from an event to its function when idle, in writes of the disk', ratios, { atMost: 2 }),
    ]
  })
}

/** Among a million events that are over, as against none. */
async function fullStore(): Promise<Figure[]> {
  return inFolder(async (folder) => {
    const full = join(folder, 'full')
    mkdirSync(full)
    fillStore(full, finishedEvents)
    const stores = { full: openChains(full), empty: openChains(join(folder, 'empty')) }
    const rate = await turnByTurn({
      full: () => stores.full.hops(hops, 1),
      empty: () => stores.empty.hops(hops, 1),
    })
    for (const store of Object.values(stores)) await store.close()
    const what = 'one chain beside 1,000,000 finished events, in times of an empty store'
    return [ratio(bench, what, quotients(rate.full, rate.empty), { atLeast: 0.9 })]
  })
}

/** Does one after the other, in an order that turns, round after round. @returns How much a second each did in each. */
async function turnByTurn<Name extends string>(
  bodies: Partial<Record<Name, () => Promise<unknown>>>,
  amounts: Partial<Record<Name, number>> = {},
): Promise<Record<Name, number[]>> {
  const entries = Object.entries(bodies) as [Name, () => Promise<unknown>][]
  const rates = Object.fromEntries(entries.map(([name]) => [name, [] as number[]])) as Record<Name, number[]>
  // The first rounds are those in which the code is compiled.
  for (let round = -3; round < rounds; round += 1) {
    for (const [name, body] of entries) {
      const tookMs = await timed(body)
      if (round >= 0) rates[name].push(((amounts[name] ?? hops) * 1000) / tookMs)
    }
  }
  return rates
}

function quotients(a: readonly number[], b: readonly number[]): number[] {
  return a.map((one, index) => one / (b[index] ?? Number.NaN))
}
