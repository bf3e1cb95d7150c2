import { describe, expect, test } from 'vitest'
import { makeFleetStore } from '../../../../../deploy/dev/fleet-store.ts'
import { exitCodeFor } from '../../../../../runtime/cli/commands/fleet-status.ts'
import { main } from '../../../../../runtime/cli/program.ts'
import { openDatabase } from '../../../../../runtime/core/bus/sqlite/database.ts'
import { Inbox } from '../../../../../runtime/core/bus/sqlite/fleet/inbox.ts'
import { temporaryFolder } from '../../../temporary-folder.ts'
import { printed } from '../night.ts'

const dayMs = 86_400_000

test.each([
  ['good', 31 * dayMs, 0],
  ['good', 29 * dayMs, 3],
  ['good', -1, 1],
  ['held', 29 * dayMs, 5],
  ['failing', 400 * dayMs, 1],
] as const)(
  'exitCodeFor(): a host that is %s, and a certificate that is good for %i ms',
  (state, lastsMs, code) => {
    expect(exitCodeFor([{ state }], lastsMs)).toBe(code)
  },
)

test('hdsync fleet status tells of another hub that is gone', async () => {
  const folder = temporaryFolder()
  const config = makeFleetStore({ folder, hosts: 5, nights: 2 })
  const database = openDatabase(`${folder}/state`)
  const heardAt = '2026-11-30T06:00:00.000Z'
  const others = [{ hub: 'hub2', heardAt, isGone: true }]
  new Inbox(database).role = { isActive: true, active: 'hub1', since: heardAt, others }
  database.close()
  const io = printed()
  await main(['node', 'hdsync', 'fleet', 'status', '--config', config], '0.0.0', io)
  expect(io.out).toMatch(
    /^nothing is heard of the hub hub2 since [-\d: ]+\n {2}on hub2: systemctl status hdsync$/m,
  )
})

describe('hdsync fleet status HOST', () => {
  const now = Date.now()

  async function status(...words: string[]) {
    const config = makeFleetStore({ folder: temporaryFolder(), hosts: 60, nights: 4, now })
    const io = printed()
    const code = await main(['node', 'hdsync', 'fleet', 'status', ...words, '--config', config], '0.0.0', io)
    return { code, out: io.out, err: io.err }
  }

  test('tells of one host in full: sources, nights with their reasons, and what it was asked for', async () => {
    const { code, out } = await status('file11')
    expect(code).toBe(1)
    expect(out).toMatch(/^file11: failing, last good 2d ago, .*, version 0\.2\.0, labels file ams1\n/)
    expect(out).toMatch(/^srv +failed +2d ago$/m)
    expect(
      out.match(/^\d{4}-\d\d-\d\d \d\d:\d\d +(?:succeeded|degraded|failed) .* file11r\d/gm),
    ).toHaveLength(4)
    expect(out).toMatch(/ failed .* srv failed: target hdd1: \/dev\/sdb1 is not mounted at \/mnt\/hdd1$/m)
    expect((await status('web1')).out).toMatch(
      /asked of it:\n {2}[-\d: ]+ backup\.start waits for the host, until/,
    )
    expect((await status('file9')).out).toContain('what else has failed:\n')
  })

  test('prints what a host has said as text, whatever it is', async () => {
    const { out } = await status('file1')
    expect(out).toContain('<script>alert(1)</script> \\u{1b}[2J\\u{202e} of srv')
    expect(out).not.toMatch(/[^\P{C}\n]/u)
  })

  test('--json has the host as in the list, its nights and failures', async () => {
    const { out } = await status('file9', '--json')
    const one = JSON.parse(out)
    expect(one).toMatchObject({ host: 'file9', state: 'failing', failures: [{ text: expect.any(String) }] })
    expect(one.nights).toHaveLength(4)
    expect(one.nights[0]).toMatchObject({
      state: 'succeeded',
      sources: [{ source: 'home' }, { source: 'srv' }],
    })
  })

  test.each([
    [['nobody'], 'there is no host nobody in the fleet'],
    [['file99'], 'hdsync: there is no host file99 in the fleet'],
    [['web1', '--label', 'web'], 'name a host, or a label'],
  ])('%j is refused', async (words, said) => {
    const { code, err } = await status(...words)
    expect([code, err.includes(said)]).toEqual([2, true])
  })
})
