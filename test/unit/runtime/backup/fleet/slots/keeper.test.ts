import { describe, expect, test } from 'vitest'
import {
  backupStart,
  catalogue,
  copyStart,
  dataOf,
  slotTaken,
  verifyStart,
} from '../../../../../../events/index.ts'
import { hubSource } from '../../../../../../runtime/backup/fleet/commands/requests.ts'
import type { Said } from '../../../../../../runtime/backup/fleet/slots/asker.ts'
import { SlotKeeper } from '../../../../../../runtime/backup/fleet/slots/keeper.ts'
import type { Publication } from '../../../../../../runtime/core/bus/bus.ts'
import { createRegistry } from '../../../../../../runtime/core/registry/registry.ts'
import type { SlotAnswer } from '../../../../../../runtime/fleet-protocol.ts'
import { event } from '../../../../../contract/publication.ts'
import { ManualClock, turns } from '../../../../manual-clock.ts'

/** A keeper, what it says to the hub, and the runs of its host. */
function keeperOf() {
  const clock = new ManualClock()
  const said: (Said | 'done')[] = []
  const events: Publication['event'][] = []
  const ends = new Map<string, PromiseWithResolvers<void>>()
  const begun: string[] = []
  /** Runs that have their turn, as the queue would give it to them. */
  const held = new Set<string>()
  let answer: (answer: SlotAnswer) => void = () => {}
  const kindOf = (run: string) =>
    events.find(({ runid }) => runid === run)?.type.replace('.start', '') ?? 'backup'
  const advance = () => {
    for (const run of [...held]) {
      held.delete(run)
      if (keeper.putOff(run) === undefined) begun.push(run)
    }
  }
  const keeper: SlotKeeper = new SlotKeeper({
    ...{ clock, advance, slot: { server: 'vault1', patienceMs: 60_000 } },
    registry: createRegistry([], catalogue),
    bus: {
      events: ({ runId, types }) =>
        events.filter(({ runid, type }) => runid === runId && (types?.includes(type) ?? true)),
      holdBack: async (run) => void held.add(run),
    },
    journal: { run: (run) => ({ id: run, kind: kindOf(run), startedAt: 0 }) as never },
    publish: async (publications) => void events.push(...publications.map((one) => one.event)),
    ended: (run) => {
      const end = Promise.withResolvers<void>()
      ends.set(run, end)
      return end.promise
    },
    makesWay: (kind) => kind === 'copy',
    note: () => {},
    asker(onAnswer) {
      answer = onAnswer
      return { say: (one) => void said.push(one), done: () => void said.push('done'), stop: async () => {} }
    },
  })
  const put = (publications: readonly Publication[]) =>
    void events.push(...publications.map((one) => one.event))
  const last = () => said.findLast((one) => one !== 'done')
  return {
    ...{ keeper, clock, said, begun, last, put },
    ask(run: string, type: string = backupStart.type, source = '/test', beside: readonly Publication[] = []) {
      events.push(event(`root ${run}`, { type, runid: run, source, data: {} }))
      put(beside)
      held.add(run)
      advance()
    },
    async answer(state: SlotAnswer['state'], ask = last()?.ask ?? '') {
      answer({ v: 1, server: 'vault1', ask, state })
      await turns()
    },
    async end(run: string) {
      ends.get(run)?.resolve()
      await turns()
    },
    taken: (run: string) =>
      events.flatMap((one) => (one.runid === run ? (dataOf(slotTaken, one) ?? []) : []))[0],
  }
}

describe('SlotKeeper', () => {
  test('a run that need not wait, whichever process was told so, counts as one at work, and others wait on', async () => {
    const { ask, keeper, put, said, begun, end, last } = keeperOf()
    ask('a')
    ask('b', backupStart.type, '/test', keeper.passing('b'))
    expect(begun).toEqual(['b'])
    expect(last()).toMatchObject({ state: 'has', alone: true })
    await end('b')
    expect(said.slice(-2)).toEqual(['done', { ask: expect.any(String), state: 'wants' }])
    put(keeper.passing('a'))
    keeper.pass('a')
    await turns()
    expect(begun).toEqual(['b', 'a'])
    keeper.pass('a')
    await turns()
    expect(begun).toEqual(['b', 'a'])
  })

  test('asks once, begins with the grant, and gives the slot back at the end of the run', async () => {
    const { ask, answer, end, said, begun, last, keeper } = keeperOf()
    ask('a')
    expect(said).toEqual([{ ask: expect.any(String), state: 'wants' }])
    await answer('waits')
    await answer('granted', 'another')
    expect(begun).toEqual([])
    const { ask: name } = last() ?? {}
    await answer('granted')
    // It is told again to whoever has not heard it: the run begins once.
    await answer('granted')
    expect(begun).toEqual(['a'])
    expect(said).toMatchObject([{}, { ask: name, state: 'has' }])
    expect(keeper.isWaiting).toBe(false)
    await end('a')
    expect(said.at(-1)).toBe('done')
    expect(said).toHaveLength(3)
  })

  test('has one run at a time, asks anew for the next, and has a backup begin before what makes way for it', async () => {
    const { ask, answer, end, said, begun } = keeperOf()
    ask('copies', copyStart.type)
    ask('night')
    expect(said).toHaveLength(1)
    await answer('granted')
    expect(begun).toEqual(['night'])
    await end('night')
    expect(said.slice(-2)).toMatchObject(['done', { state: 'wants' }])
    await answer('granted')
    expect(begun).toEqual(['night', 'copies'])
  })

  test('says by which command of the hub a run was begun', () => {
    const { ask, said } = keeperOf()
    ask('a', backupStart.type, hubSource)
    expect(said).toMatchObject([{ state: 'wants', command: 'root a' }])
  })

  test('has what loads no backup server begin at once', () => {
    const { ask, said, begun } = keeperOf()
    ask('a', verifyStart.type)
    expect(begun).toEqual(['a'])
    expect(said).toEqual([])
  })

  test('wants no slot any more once nobody waits; a grant that comes too late begins nothing', async () => {
    const { ask, answer, end, said, begun, last } = keeperOf()
    ask('a')
    await end('a')
    expect(said.at(-1)).toBe('done')
    await answer('granted', last()?.ask)
    expect(begun).toEqual([])
    expect(said).toHaveLength(2)
  })

  test('says that it is at work where a run goes on alone, under the name of the same wait', async () => {
    const { ask, end, said, begun, clock, keeper, taken, last } = keeperOf()
    ask('a')
    const { ask: name } = last() ?? {}
    await clock.advance(60_000)
    expect(keeper.putOff('a')).toBeUndefined()
    expect(begun).toEqual([])
    expect(said.at(-1)).toEqual({ ask: name, state: 'has', alone: true })
    expect(taken('a')).toMatchObject({ waitedMs: 60_000, without: 'patience' })
    await end('a')
    expect(said.at(-1)).toBe('done')
  })

  test('has all that wait begin where the hub knows no such server', async () => {
    const { ask, answer, begun, taken } = keeperOf()
    ask('a')
    ask('b')
    await answer('unknown')
    expect(begun).toEqual(['a', 'b'])
    expect([taken('a'), taken('b')]).toMatchObject([{ without: 'unknown' }, { without: 'unknown' }])
  })
})
