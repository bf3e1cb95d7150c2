import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { backupFinish, catalogue, type InputOf, machineRecord, runWarned } from '../../../events/index.ts'
import { loadRegistry, ownFunctions } from '../../../runtime/backup/load-functions.ts'
import { parseConfig } from '../../../runtime/config/config.ts'
import { createMachine } from '../../../runtime/host/machine/records.ts'
import { Bench } from '../runtime/backup/bench.ts'
import { recordingRunner } from '../runtime/host/runner.ts'
import { temporaryFolder } from '../temporary-folder.ts'
import { Box } from './box.ts'

const { functions } = await loadRegistry({ ours: ownFunctions, users: '/nowhere' }, catalogue)
const definitions = Object.fromEntries(functions.map(({ name, definition }) => [name, definition]))

/** Records a machine on targets, of which two are there and one is gone. */
async function recording(data: InputOf<typeof machineRecord>) {
  const disk = { one: temporaryFolder(), two: temporaryFolder() }
  let looks = 0
  const box = new Box()
  const facts = await box.machine.look()
  const { record } = createMachine(recordingRunner().runner, temporaryFolder())
  const machine = {
    look() {
      looks += 1
      return Promise.resolve(facts)
    },
    record,
  }
  const config = parseConfig(
    `sources: { etc: { path: /etc, target: one } }
targets: { one: { path: ${disk.one} }, gone: { path: /mnt/gone }, two: { path: ${disk.two} } }`,
    'machine.yaml',
  )
  for (const name of ['one', 'two']) box.targetsOpen.add(name)
  const bench = new Bench(definitions, {
    host: Object.assign(box, { machine }),
    config,
    events: catalogue,
  }).start()
  await bench.emit(machineRecord, data, 'run1')
  await bench.idle()
  return { bench, disk, looks }
}

const sheetIn = (folder: string) => join(folder, '.hdsync-machine/box/sheet.txt')

test('the machine is looked at once for all targets, and one that cannot be written keeps it from no other', async () => {
  const { bench, disk, looks } = await recording({ targets: ['one', 'gone', 'two'] })
  expect(looks).toBe(1)
  for (const folder of Object.values(disk)) {
    expect(readFileSync(sheetIn(folder), 'utf8')).toContain('RESCUE SHEET of box')
  }
  const warned = bench.bus.events({ runId: 'run1', types: [runWarned.type] })
  expect(warned.map(({ data }) => data)).toEqual([
    { reason: expect.stringMatching(/could not be written onto target gone: .*nothing is mounted/) },
  ])
  expect(bench.bus.events({ runId: 'run1', types: [backupFinish.type] })).toHaveLength(1)
})

test('an event of an hdsync before, which names one target, is done as it was meant', async () => {
  const { bench, disk } = await recording({ target: 'one' })
  expect(readFileSync(sheetIn(disk.one), 'utf8')).toContain('RESCUE SHEET of box')
  expect(existsSync(sheetIn(disk.two))).toBe(false)
  expect(bench.bus.events({ runId: 'run1', types: [backupFinish.type] })).toHaveLength(1)
})
