import { StatementSync } from 'node:sqlite'
import { expect, onTestFinished, test, vi } from 'vitest'
import { makeFleetStore } from '../../../../../deploy/dev/fleet-store.ts'
import { main } from '../../../../../runtime/cli/program.ts'
import { temporaryFolder } from '../../../temporary-folder.ts'
import { printed } from '../../cli/night.ts'
import { openHub } from '../../http/page/fleet/hub.ts'

// What a look at a fleet costs, in rows and statements: that is the same on each machine.

/** How many rows and statements something takes of the store. */
async function costOf(body: () => Promise<unknown>): Promise<{ rows: number; statements: number }> {
  const cost = { rows: 0, statements: 0 }
  const { all, get, run } = StatementSync.prototype
  const spies = [
    vi.spyOn(StatementSync.prototype, 'all').mockImplementation(function (this: StatementSync, ...values) {
      const rows = all.apply(this, values)
      cost.rows += rows.length
      cost.statements += 1
      return rows
    }),
    vi.spyOn(StatementSync.prototype, 'get').mockImplementation(function (this: StatementSync, ...values) {
      cost.statements += 1
      return get.apply(this, values)
    }),
    vi.spyOn(StatementSync.prototype, 'run').mockImplementation(function (this: StatementSync, ...values) {
      cost.statements += 1
      return run.apply(this, values)
    }),
  ]
  const restore = () => {
    for (const spy of spies) spy.mockRestore()
  }
  onTestFinished(restore)
  try {
    await body()
  } finally {
    restore()
  }
  return cost
}

/** What `hdsync fleet status` takes, of a fleet of that size. @param asked Nights for which each host got a command. */
async function statusCost(hosts: number, nights: number, asked = 0, ...words: string[]) {
  const config = makeFleetStore({ folder: temporaryFolder(), hosts, nights, asked })
  return costOf(() =>
    main(['node', 'hdsync', 'fleet', 'status', ...words, '--config', config], '0', printed()),
  )
}

test('fleet status reads a row for each host, and nothing of their nights', async () => {
  const few = await statusCost(40, 5)
  expect(few.rows).toBeGreaterThanOrEqual(40)
  expect(await statusCost(40, 30)).toEqual(few)
  expect(await statusCost(80, 5)).toEqual({ ...few, rows: few.rows + 40 })
})

test('fleet status of one host, and its screen, read nothing of the others', async () => {
  const alone = await statusCost(10, 12, 0, 'web1')
  expect(alone.rows).toBeGreaterThanOrEqual(12)
  expect(await statusCost(200, 12, 0, 'web1')).toEqual(alone)
  const screen = async (hosts: number) => {
    const browser = await openHub({ hosts, nights: 12 })
    // What an engine does once it is open does not count.
    await browser.text('/fleet/web1')
    return costOf(() => browser.text('/fleet/web1'))
  }
  expect(await screen(200)).toEqual(await screen(10))
})

test('the page of a fleet reads a row for each host, and nothing of their nights', async () => {
  const screen = async (hosts: number, nights: number) => {
    const browser = await openHub({ hosts, nights })
    await browser.text('/fleet')
    return costOf(() => browser.text('/fleet'))
  }
  const few = await screen(40, 5)
  expect(await screen(40, 30)).toEqual(few)
  expect(await screen(80, 5)).toEqual({ ...few, rows: few.rows + 40 })
})

test('a command that its host has answered costs a row, and no look at what hosts have told', async () => {
  // So few hosts that none of them is silent or overdue.
  const none = await statusCost(20, 8)
  const asked = await statusCost(20, 8, 6)
  expect(asked).toEqual({ ...none, rows: none.rows + 20 * 6 })
})

test('what a hub does with a message is the same on the first night of a fleet as on any other', async () => {
  const made = (hosts: number, nights: number) =>
    costOf(async () => makeFleetStore({ folder: temporaryFolder(), hosts, nights }))
  const [one, two, three] = [await made(20, 10), await made(20, 20), await made(20, 30)]
  expect(three.statements - two.statements).toBe(two.statements - one.statements)
  const perNight = (two.statements - one.statements) / 10
  const [wide, wider] = [await made(40, 10), await made(40, 20)]
  expect((wider.statements - wide.statements) / 10 / perNight).toBeLessThan(2.1)
})
