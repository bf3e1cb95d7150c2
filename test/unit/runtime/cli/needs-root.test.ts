import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { checkCommand } from '../../../../runtime/cli/commands/check.ts'
import { initCommand } from '../../../../runtime/cli/commands/init.ts'
import { runCommand } from '../../../../runtime/cli/commands/run.ts'
import { adoptCommand } from '../../../../runtime/cli/commands/target.ts'
import { rootNeeded } from '../../../../runtime/cli/needs-root.ts'
import { parseConfig } from '../../../../runtime/config/config.ts'
import { UsageError } from '../../../../runtime/errors.ts'
import { temporaryFolder } from '../../temporary-folder.ts'
import { makeServer, printed } from './night.ts'

afterEach(() => vi.restoreAllMocks())

const isRoot = process.geteuid?.() === 0

/** The tests may run as root: what is asked is who one is. */
const asUser = () => vi.spyOn(process, 'geteuid').mockReturnValue(1000)

const sources = {
  volume: 'var: { lv: vg01/var, target: plain }',
  unmounted: 'etc: { path: /etc, target: disk }',
  mounted: 'srv: { path: /srv, target: here }',
  plain: 'home: { path: /home, target: plain }',
}
const configOf = (
  ...kinds: (keyof typeof sources)[]
) => `sources: { ${kinds.map((kind) => sources[kind]).join(', ')} }
targets:
  plain: { path: /mnt/plain }
  here: { path: /proc/x, mounts: [{ device: /dev/sdc1, at: /proc }] }
  disk: { path: /nowhere/disk, mounts: [{ device: /dev/sdb1, at: /nowhere/disk }] }
`

describe('rootNeeded() by a user', () => {
  const needed = (...kinds: (keyof typeof sources)[]) =>
    rootNeeded(parseConfig(configOf(...kinds), 'x'), undefined, 1000)

  test('for snapshots and for mounts', () => {
    expect(needed('volume')).toBe('only root may take snapshots (source var)')
    expect(needed('unmounted')).toBe('only root may mount disks (target disk)')
    expect(needed('volume', 'unmounted')).toBe(
      'only root may take snapshots (source var), and mount disks (target disk)',
    )
  })

  test('not for folders and disks that are mounted, nor where something can be done', () => {
    expect(needed('plain')).toBeUndefined()
    expect(needed('mounted')).toBeUndefined()
    expect(needed('plain', 'volume')).toBeUndefined()
    const config = parseConfig(configOf('plain', 'volume'), 'x')
    expect(rootNeeded(config, ['var'], 1000)).toBe('only root may take snapshots (source var)')
    expect(rootNeeded(config, ['var'], 0)).toBeUndefined()
  })
})

describe('a user who has to be root is told so in one line', () => {
  function config(): string {
    const folder = temporaryFolder()
    const file = join(folder, 'hdsync.yaml')
    writeFileSync(file, `${configOf('volume', 'unmounted')}state: ${folder}/state\n`, { mode: 0o600 })
    return file
  }

  test('by run, before a store is made', async () => {
    asUser()
    const file = config()
    const error = await runCommand(['var'], { config: file }, printed()).catch((thrown) => thrown)
    expect(error).toBeInstanceOf(UsageError)
    expect(error).toMatchObject({
      message: 'only root may take snapshots (source var)',
      hint: 'as root: sudo hdsync run var',
    })
    expect(existsSync(join(file, '../state'))).toBe(false)
  })

  test('by target adopt', async () => {
    asUser()
    await expect(adoptCommand('disk', { config: config() }, printed())).rejects.toMatchObject({
      message: 'only root may mount disks (target disk)',
      hint: 'as root: sudo hdsync target adopt disk',
    })
  })

  test('by check, with one finding', async () => {
    asUser()
    const [io, file] = [printed(), config()]
    expect(await checkCommand({ config: file, json: true }, io)).toBe(1)
    const { ok, findings } = JSON.parse(io.out)
    expect(ok).toBe(false)
    expect(findings.filter(({ severity }: { severity: string }) => severity !== 'ok')).toEqual([
      {
        id: 'user.not-root',
        severity: 'error',
        about: 'user',
        finding:
          'only root may take snapshots (source var), and mount disks (target disk): nothing else was looked at',
        remedy: 'as root: sudo hdsync check',
      },
    ])
  })

  // Root may write anywhere, whoever it says it is.
  test.skipIf(isRoot)('by init, when the config is not for this user', async () => {
    await expect(
      initCommand({ yes: true, config: '/proc/hdsync/hdsync.yaml' }, printed()),
    ).rejects.toMatchObject({
      message: 'only root may write /proc/hdsync/hdsync.yaml, which init makes',
      hint: 'as root: sudo hdsync init',
    })
  })

  test('by init, when the disks are not for this user', async () => {
    asUser()
    const broken = {
      run: () => Promise.reject(new Error('Permission denied')),
    }
    const given = { runner: broken as never }
    const file = join(temporaryFolder(), 'hdsync.yaml')
    await expect(initCommand({ yes: true, config: file }, printed(), given)).rejects.toMatchObject({
      message: 'only root may look at the disks and volumes of this machine, which init does',
      hint: 'as root: sudo hdsync init',
    })
  })
})

test('a user backs up folders of their own as ever', async () => {
  const server = await makeServer()
  asUser()
  const io = printed()
  expect(await runCommand([], { config: server.config }, io)).toBe(0)
  expect(io.out).toMatch(/^home +succeeded/m)
})
