import { describe, expect, test, vi } from 'vitest'
import { checkTools, isOlder, toolsOf } from '../../../../../runtime/cli/checks/tools.ts'
import { parseConfig } from '../../../../../runtime/config/config.ts'
import { boxWith } from './lvm.ts'

vi.mock('node:fs', { spy: true })

const parse = (lines: string) => parseConfig(lines, 'hdsync.yaml')
const plain = parse('sources: { usr: { path: /usr, target: t } }\ntargets: { t: { path: /mnt/t } }\n')
const rsync = (version: string, more = '') => `rsync  version ${version}  protocol version 31\n    ${more}\n`
const check = (answers: Record<string, string | { stderr: string }>) =>
  checkTools(boxWith([], { find: 'find (GNU findutils) 4.9.0\n', ...answers }, plain))

describe('toolsOf()', () => {
  const names = (lines: string) => toolsOf(parse(lines)).map(({ program }) => program)

  test('are few for directories', () => {
    expect(toolsOf(plain).map(({ program }) => program)).toEqual(['rsync', 'sync', 'find'])
  })

  test('are those of what the config asks for', () => {
    expect(
      names(`sources: { var: { lv: vg01/lv_var, target: t } }
targets: { t: { path: /mnt/t, mounts: [{ device: UUID=1234, at: /mnt/t }] } }
archive: { target: t }
`),
    ).toEqual(
      expect.arrayContaining([
        'tar',
        'zstd',
        'lvs',
        'lvcreate',
        'lvremove',
        'blkid',
        'mount',
        'umount',
        'findfs',
      ]),
    )
    expect(
      names(
        'sources: { u: { path: /usr, target: t, archive: false } }\ntargets: { t: { path: /t } }\narchive: { target: t }\n',
      ),
    ).not.toContain('tar')
  })
})

describe('checkTools()', () => {
  test('tells the versions that are there', async () => {
    expect(await check({ rsync: rsync('3.2.7', 'ACLs, xattrs, IPv6') })).toEqual([
      {
        id: 'tool.ok',
        severity: 'ok',
        about: 'tools',
        finding: 'rsync 3.2.7, sync, find 4.9.0',
        remedy: null,
      },
    ])
  })

  test('asks for a newer rsync, and for a complete one', async () => {
    expect(await check({ rsync: rsync('3.2.3') })).toContainEqual({
      id: 'tool.too-old',
      severity: 'error',
      about: 'tools',
      finding: 'rsync 3.2.3 is too old: at least 3.2.4 is needed',
      remedy: 'apt-get install rsync',
    })
    expect(await check({ rsync: rsync('v3.4.1', 'no ACLs, xattrs') })).toContainEqual(
      expect.objectContaining({ id: 'tool.incomplete', finding: 'rsync was built without ACLs' }),
    )
  })

  test('warns of one that does not say its version', async () => {
    expect(await check({ rsync: 'openrsync: protocol version 29\n' })).toContainEqual(
      expect.objectContaining({ id: 'tool.unknown', severity: 'warning' }),
    )
    expect(await check({ rsync: { stderr: 'broken' } })).toContainEqual(
      expect.objectContaining({ id: 'tool.unknown', finding: expect.stringContaining('broken') }),
    )
  })

  test('tells of one that is not installed', async () => {
    const { accessSync } = await import('node:fs')
    vi.mocked(accessSync).mockImplementation((path) => {
      if (String(path).endsWith('/rsync')) throw new Error('ENOENT')
    })
    expect(await check({})).toContainEqual(
      expect.objectContaining({
        id: 'tool.missing',
        finding: 'rsync is not installed',
        remedy: 'apt-get install rsync',
      }),
    )
    vi.mocked(accessSync).mockRestore()
  })

  test('asks for root where it is needed, and warns where it is not', async () => {
    const ordinary = { ...boxWith([], { rsync: rsync('3.2.7') }, plain), root: false }
    expect((await checkTools(ordinary)).at(-1)).toMatchObject({ id: 'user.not-root', severity: 'warning' })
    const volumes = { ...boxWith([], { rsync: rsync('3.2.7'), lvs: 'LVM version: 2.03.16(2)' }), root: false }
    expect((await checkTools(volumes)).at(-1)).toMatchObject({ id: 'user.not-root', severity: 'error' })
  })
})

test.each([
  ['3.2.3', '3.2.4', true],
  ['3.2.4', '3.2.4', false],
  ['3.10.0', '3.2.4', false],
  ['2.02.98', '2.02.158', true],
  ['2.03.16', '2.02.158', false],
])('isOlder(%s, %s) is %s', (version, least, older) => {
  expect(isOlder(version, least)).toBe(older)
})
