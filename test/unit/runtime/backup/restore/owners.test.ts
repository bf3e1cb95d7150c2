import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { StoredRestoreRequest } from '../../../../../events/index.ts'
import { proveMappable } from '../../../../../runtime/backup/restore/owners-by-name.ts'
import {
  beginRestore,
  beginUndo,
  placeRestore,
  unpackRestore,
} from '../../../../../runtime/backup/restore/perform.ts'
import { planJson } from '../../../../../runtime/backup/restore/plan/plan-json.ts'
import { planRequest } from '../../../../../runtime/backup/restore/plan-request.ts'
import { strangersText } from '../../../../../runtime/cli/points/plan-text.ts'
import { accountsFrom } from '../../../../../runtime/host/owners/accounts.ts'
import { recordAccounts } from '../../../../../runtime/host/owners/recorded-accounts.ts'
import { OpenFolder } from '../../../../../runtime/host/points/open-folder.ts'
import type { RestorePoint } from '../../../../../runtime/host/points/restore-point.ts'
import { mapOwners } from '../../../../../runtime/host/restore/owner-map.ts'
import { temporaryFolder } from '../../../temporary-folder.ts'
import { archiveOf, isRoot, runner, sh } from '../../host/points/tree.ts'

/** Of the machine that was backed up: `bin` and `daemon` had each other's numbers there. */
const there = `user:root:0
user:daemon:2
user:bin:1
user:www-data:7033
user:gone:7002
user:idle:7003
group:www-data:7034
group:gone:33
`

/** How everything is owned, with ACLs and capabilities. */
const owned = (folder: string) =>
  sh(
    `find . -path ./.hdsync-undo -prune -o -printf '%P %y %m %U %G %T@ %n\\n' | sed 's/^ .*//' | sort
     getfacl -Rpn a 2>/dev/null
     getcap -r a | sort`,
    folder,
  )

function make(medium: 'mirror' | 'zstd') {
  const folder = temporaryFolder()
  const live = join(folder, 'live/var')
  mkdirSync(join(live, 'a/b'), { recursive: true })
  mkdirSync(join(folder, 'disk'))
  sh(
    `printf x > a/site; printf y > a/b/bin; printf z > a/cap; ln a/site a/b/second; ln -s site a/link; mkfifo a/pipe
     printf w > a/gone
     chown 7033:7034 a a/site; chown -h 7033:7034 a/link a/pipe; chown 1:0 a/b/bin; chown 2:0 a/cap; chown 7002:33 a/gone
     chmod 4755 a/b/bin; setcap cap_net_raw+ep a/cap; chmod 2770 a
     setfacl -m u:7033:rw,g:7034:r,u:1:r a/gone; setfacl -d -m u:7033:rwx a/b
     touch -d '2020-02-03 04:05:06.123456789' a/site a/b a`,
    live,
  )
  recordAccounts(
    { name: 'disk', path: join(folder, 'disk') },
    ['var'],
    accountsFrom(there),
    Date.UTC(2026, 10, 28),
  )
  const base = { id: 'var@x', source: 'var', at: '2026-11-29T01:00:00Z', target: 'disk' }
  if (medium === 'mirror') sh('rsync -aHAXXS --numeric-ids --modify-window=-1 live/var/ disk/var/', folder)
  else archiveOf(join(folder, 'live'), 'var', join(folder, 'disk/Sunday/var.tar.zst'))
  const point: RestorePoint =
    medium === 'mirror'
      ? { ...base, kind: 'mirror', path: join(folder, 'disk/var') }
      : { ...base, kind: 'weekday', path: join(folder, 'disk/Sunday/var.tar.zst') }
  return { folder, live, point }
}

type Owners = Extract<StoredRestoreRequest, { do: 'restore' }>['owners']

const planOf = (point: RestorePoint, root: string, isNew: boolean, owners: Owners = 'names') =>
  planRequest({ root, isNew, deletes: false, exclude: [], owners, paths: [''] }, point, undefined, runner)

async function restore(plan: Awaited<ReturnType<typeof planOf>>, id: string) {
  const begun = beginRestore(plan, id, 1000)
  const { missing } = await unpackRestore(begun, runner)
  expect(missing).toEqual([])
  await placeRestore(begun, runner)
}

describe.skipIf(!isRoot).each(['mirror', 'zstd'] as const)('a restore by names from %s', (medium) => {
  test('gives everything to whoever has the name here; bits, ACLs, capabilities, links and times stay', async () => {
    const { folder, live, point } = make(medium)
    const to = join(folder, 'new')
    await restore(await planOf(point, to, true), 'one')
    sh(
      `chown 33:33 a a/site; chown -h 33:33 a/link a/pipe; chown 2 a/b/bin; chown 1 a/cap; chmod 4755 a/b/bin
       setcap cap_net_raw+ep a/cap
       setfacl -b a/gone; setfacl -m u:33:rw,g:33:r,u:2:r a/gone; setfacl -b a/b; setfacl -d -m u:33:rwx a/b
       touch -d '2020-02-03 04:05:06.123456789' a/site a/b a`,
      live,
    )
    expect(owned(to)).toBe(owned(live))
  })

  test('tells who is not here, and whose the number is', async () => {
    const { folder, point } = make(medium)
    const plan = await planOf(point, join(folder, 'new'), true)
    expect(planJson(plan)).toMatchObject({
      owners: 'names',
      namesNotHere: {
        users: [{ id: 7002, name: 'gone' }],
        groups: [{ id: 33, name: 'gone', here: 'www-data' }],
      },
    })
    expect(strangersText(plan)).toBe(
      'hdsync: not on this machine, so that their numbers stay: user gone (7002), group gone (33, which is www-data here)\n',
    )
  })

  test('finds nothing to do where everything has its owner, can be taken back, and has another hash by numbers', async () => {
    const { live, point } = make(medium)
    const before = owned(live)
    const plan = await planOf(point, live, false)
    expect(plan.actions.map(({ path }) => `${path}`).sort()).toEqual(
      ['a', 'a/b', 'a/b/bin', 'a/b/second', 'a/cap', 'a/gone', 'a/link', 'a/pipe', 'a/site'].filter(
        // An archive tells only of owners, and not of those in ACLs.
        (path) => medium === 'mirror' || path !== 'a/gone',
      ),
    )
    expect((await planOf(point, live, false, 'keep')).hash).not.toBe(plan.hash)
    await restore(plan, 'one')
    expect((await planOf(point, live, false)).actions).toEqual([])
    await beginUndo({ root: live, id: 'one' }, 'two', 2000, runner)
    await placeRestore({ root: live, id: 'two' }, runner)
    expect(owned(live)).toBe(before)
  })
})

test.skipIf(!isRoot)('of a restore point without names it is refused, and said why', async () => {
  const { folder, point } = make('zstd')
  sh('rm -r disk/.hdsync-owners', folder)
  await expect(planOf(point, join(folder, 'new'), true)).rejects.toThrow(
    'which names the owners in var@x had is not recorded on its disk: an earlier hdsync has made it',
  )
  await expect(planOf({ ...point, kind: 'copy' }, join(folder, 'new'), true)).rejects.toThrow(
    'is not recorded on its disk: copies are without them',
  )
})

test('of more owners with other numbers than rsync can be told it is refused in the plan', async () => {
  const pairs = (count: number) =>
    Array.from({ length: count }, (_, n): [number, number] => [n + 100_000, n + 200_000])
  // Each takes 14 bytes: the largest that is taken can be run, and one more cannot.
  const folder = temporaryFolder()
  using opened = OpenFolder.at(folder)
  const most = { users: pairs(9361), groups: pairs(9361) }
  expect(() => proveMappable(most)).not.toThrow()
  await mapOwners(opened, most, runner)
  for (const map of [
    { users: pairs(9362), groups: [] },
    { users: [], groups: pairs(9362) },
  ]) {
    expect(() => proveMappable(map)).toThrow(/^too many owners have other numbers on this machine .*9362/)
    await expect(mapOwners(opened, map, runner)).rejects.toThrow('E2BIG')
  }
})
