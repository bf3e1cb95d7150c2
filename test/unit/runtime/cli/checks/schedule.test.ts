import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { checkSchedule } from '../../../../../runtime/cli/checks/schedule.ts'
import { parseTimerState } from '../../../../../runtime/host/systemd/timer.ts'
import { temporaryFolder } from '../../../temporary-folder.ts'
import { boxWith } from './lvm.ts'

const now = Date.parse('2026-11-22T12:00:00Z')
const day = 86_400

/** As `systemctl show` prints it. */
const timer = (facts: Record<string, string> = {}) =>
  Object.entries({
    LoadState: 'loaded',
    UnitFileState: 'enabled',
    ActiveState: 'active',
    ActiveEnterTimestamp: `@${now / 1000 - 5 * day}`,
    LastTriggerUSec: `@${now / 1000 - day / 2}`,
    NextElapseUSecRealtime: `@${now / 1000 + day / 2}`,
    ...facts,
  })
    .map(([name, value]) => `${name}=${value}\n`)
    .join('')
const check = (systemctl: string, timedatectl = 'yes\n', cron = '/nowhere') =>
  checkSchedule({ ...boxWith([], { systemctl, timedatectl }), systemd: true }, now, cron)
const idsOf = async (systemctl: string, timedatectl?: string) =>
  (await check(systemctl, timedatectl)).map(({ id }) => id)

describe('checkSchedule()', () => {
  test('is content with a timer that has fired, and a clock that is right', async () => {
    expect(await check(timer())).toMatchObject([
      { id: 'timer.ok', finding: expect.stringMatching(/hdsync-backup\.timer fired .*, fires next /) },
      { id: 'clock.ok' },
    ])
  })

  test('tells of a timer that is missing, is not enabled, or does not wait', async () => {
    expect(
      await idsOf(timer({ LoadState: 'not-found', UnitFileState: '', ActiveState: 'inactive' })),
    ).toContain('timer.none')
    expect(await check(timer({ UnitFileState: 'disabled', ActiveState: 'inactive' }))).toContainEqual(
      expect.objectContaining({
        id: 'timer.disabled',
        remedy: 'systemctl enable --now hdsync-backup.timer',
      }),
    )
    expect(await idsOf(timer({ ActiveState: 'inactive' }))).toContain('timer.disabled')
  })

  test('gives a new timer two days to fire', async () => {
    const young = timer({ LastTriggerUSec: '', ActiveEnterTimestamp: `@${now / 1000 - day}` })
    expect(await idsOf(young)).toContain('timer.ok')
    expect(await idsOf(timer({ LastTriggerUSec: '' }))).toContain('timer.never-fired')
  })

  test('takes a line of cron instead, and not what is commented out', async () => {
    const folder = temporaryFolder()
    mkdirSync(join(folder, 'cron.d'))
    const without = async () => (await checkSchedule({ ...boxWith([]), systemd: false }, now, folder))[0]
    writeFileSync(join(folder, 'cron.d/hdsync'), '#30 1 * * * root hdsync run\n')
    expect(await without()).toMatchObject({ id: 'timer.none', severity: 'warning' })
    writeFileSync(join(folder, 'cron.d/hdsync'), '30 1 * * * root /usr/bin/hdsync run --quiet\n')
    expect(await without()).toMatchObject({
      id: 'timer.ok',
      finding: expect.stringContaining('cron.d/hdsync'),
    })
  })

  test('warns of a clock that nothing sets, and is silent where that cannot be told', async () => {
    expect(await idsOf(timer(), 'no\n')).toContain('clock.unsynchronised')
    const box = { ...boxWith([], { systemctl: timer() }), systemd: true }
    expect((await checkSchedule(box, now, '/nowhere')).map(({ id }) => id)).toEqual(['timer.ok'])
  })
})

test('parseTimerState() reads dates of older versions too', () => {
  const text = timer({ LastTriggerUSec: 'Sat 2026-11-21 00:00:00 UTC', NextElapseUSecRealtime: 'n/a' })
  expect(parseTimerState(text)).toMatchObject({
    lastFired: Date.parse('2026-11-21T00:00:00Z'),
    next: undefined,
    found: true,
    enabled: true,
    active: true,
  })
})
