import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Figure } from '../main.ts'
import { inFolder, median, quotients, ratio, skipped, timed, turnByTurn } from '../measure.ts'
import { competitor } from '../packages.ts'
import { openChains, openGuestChains } from './chains.ts'
import { openDisk } from './disk.ts'
import { fillStore } from './fill.ts'
import { openPlainjob } from './plainjob.ts'

const bench = 'bus'
const rounds = 21
const hops = 200
const guestHops = 90
const paceMs = 10
const finishedEvents = 1_000_000

/** What an event costs, against the bare disk, other queues, and itself in a store that is full. */
export async function bus(): Promise<Figure[]> {
  return [...(await rates()), ...(await guestHop()), ...(await latency()), ...(await fullStore())]
}

/** Durable hops a second. Turn by turn with the disk, and with plainjob. */
async function rates(): Promise<Figure[]> {
  return inFolder(async (folder) => {
    const disk = openDisk(folder)
    const ours = openChains(join(folder, 'ours'))
    const module = competitor('plainjob@0.0.14')
    const plainjob = module ? await openPlainjob(module, folder) : undefined
    const tookMs = await turnByTurn(
      [
        ['disk', () => repeat(hops, disk.write)],
        ['one', () => ours.hops(hops, 1)],
        ['eight', () => ours.hops(4 * hops, 8)],
        ['plain', () => plainjob?.hops(hops, 1)],
        ['plainEight', () => plainjob?.hops(hops, 8)],
      ],
      { rounds, warm: 3 },
    )
    const rate = (name: Parameters<typeof tookMs>[0], amount = hops) => tookMs(name).map((ms) => amount / ms)
    await ours.close()
    disk.close()
    plainjob?.close()
    const one = rate('one')
    const eight = rate('eight', 4 * hops)
    const against = (what: string, ratios: number[], atLeast: number) =>
      ratio(bench, what, ratios, { atLeast })
    const plainly = (what: string, ratios: number[], atLeast: number) =>
      plainjob ? against(what, ratios, atLeast) : skipped(bench, what, 'plainjob cannot be installed')
    return [
      against("one chain, in times of the disk's rate", quotients(one, rate('disk')), 0.55),
      against("eight chains, in times of the disk's rate", quotients(eight, rate('disk')), 3),
      plainly("one chain, in times of plainjob's rate", quotients(one, rate('plain')), 2.5),
      plainly("eight chains, in times of plainjob's rate", quotients(eight, rate('plainEight')), 12),
    ]
  })
}

/** A hop through the process of the user's functions. Theirs end after a hundred events that follow from one another. */
async function guestHop(): Promise<Figure[]> {
  return inFolder(async (folder) => {
    const own = openChains(join(folder, 'own'))
    const guests = await openGuestChains(join(folder, 'guests'))
    const tookMs = await turnByTurn(
      [
        ['guest', () => guests.hops(guestHops, 1)],
        ['own', () => own.hops(guestHops, 1)],
      ],
      { rounds, warm: 3 },
    )
    await Promise.all([own.close(), guests.close()])
    const ratios = quotients(tookMs('guest'), tookMs('own'))
    return [
      ratio(bench, "a hop of a function of one's own (guestHop), in times of one of hdsync's", ratios, {
        atMost: 3,
      }),
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
    const tookMs = await turnByTurn(
      [
        ['full', () => stores.full.hops(hops, 1)],
        ['empty', () => stores.empty.hops(hops, 1)],
      ],
      { rounds, warm: 3 },
    )
    for (const store of Object.values(stores)) await store.close()
    const what = 'one chain beside 1,000,000 finished events, in times of an empty store'
    return [ratio(bench, what, quotients(tookMs('full'), tookMs('empty')), { atMost: 1.1 })]
  })
}

function repeat(times: number, body: () => void): void {
  for (let n = 0; n < times; n += 1) body()
}
