import { chmodSync, globSync, mkdirSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { dirname, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { checkTarget } from '../../../../../runtime/cli/checks/targets.ts'
import { parseConfig, type Target } from '../../../../../runtime/config/config.ts'
import { TerminalError } from '../../../../../runtime/errors.ts'
import { noteSight } from '../../../../../runtime/host/last-sight.ts'
import { type Mount, mountOf, readMounts } from '../../../../../runtime/host/mount/mountinfo.ts'
import { claimSources } from '../../../../../runtime/host/target/claims.ts'
import { writeMarker } from '../../../../../runtime/host/target/marker.ts'
import { temporaryFolder } from '../../../temporary-folder.ts'
import { boxWith, config, runnerOf } from './lvm.ts'

const target = (path: string, mounts: Target['mounts'] = []): Target => ({
  name: 'disk',
  path,
  mounts,
  parallel: 1,
})
const idsOf = async (one: Target, box = boxWith([])) => (await checkTarget(one, box)).map(({ id }) => id)

const runnerWith = (answers: Parameters<typeof runnerOf>[0]) => ({ runner: runnerOf(answers) })

describe('checkTarget()', () => {
  test('is content with a folder that carries the marker', async () => {
    const folder = temporaryFolder()
    await writeMarker(folder, 'disk', 0)
    expect(await idsOf(target(folder))).toEqual(['target.ok'])
  })

  test('tells who else can get in, and the command that ends it', async () => {
    const folder = temporaryFolder()
    await writeMarker(folder, 'disk', 0)
    const found = async (mode: number) => {
      chmodSync(folder, mode)
      return (await checkTarget(target(folder), boxWith([]))).filter(({ id }) => id !== 'target.ok')
    }
    expect(await found(0o755)).toMatchObject([
      { id: 'target.open', severity: 'warning', remedy: 'hdsync target adopt --all' },
    ])
    expect(await found(0o775)).toMatchObject([
      { id: 'target.writable', severity: 'error', remedy: expect.stringContaining(`chmod 0700 ${folder}`) },
    ])
  })

  test('tells whose the mirrors are that another host has claimed', async () => {
    const folder = temporaryFolder()
    await writeMarker(folder, 'disk', 0)
    claimSources({ name: 'disk', path: folder }, ['var'], { store: 'store', host: 'here' })
    expect(await idsOf(target(folder))).toEqual(['target.ok'])
    claimSources({ name: 'disk', path: folder }, ['var'], { store: 'x', host: 'alpha' }, { takeOver: true })
    expect(await checkTarget(target(folder), boxWith([]))).toContainEqual(
      expect.objectContaining({
        id: 'target.foreign-mirror',
        severity: 'error',
        finding: expect.stringContaining('host alpha'),
        remedy: expect.stringContaining('hdsync target adopt disk --take-over'),
      }),
    )
  })

  describe('of a target whose disk is not mounted now', () => {
    const away = (path: string) => target(path, [{ device: '/dev/null', at: path }])
    /** What it finds of it beside the disk, which is none. */
    const found = async (one: Target, state: string) =>
      (await checkTarget(away(one.path), boxWith([], {}, { ...config, state }))).filter(
        ({ id }) => id !== 'target.no-device',
      )

    test('tells who else could get in when it was mounted the last time', async () => {
      const [folder, state] = [temporaryFolder(), temporaryFolder()]
      expect(await found(target(folder), state)).toEqual([])
      chmodSync(folder, 0o755)
      noteSight(state, target(folder), Date.parse('2026-11-28T01:30:00'))
      expect(await found(target(folder), state)).toEqual([
        {
          id: 'target.open',
          severity: 'warning',
          about: 'target disk',
          finding: expect.stringMatching(
            /look into .* \(as it was when it was last mounted, 2026-11-28 01:30:00\)$/,
          ),
          remedy: 'hdsync target adopt --all',
        },
      ])
      chmodSync(folder, 0o700)
      noteSight(state, target(folder))
      expect(await found(target(folder), state)).toEqual([])
    })

    test('has what is mended without adopting it looked at again', async () => {
      const [above, state] = [temporaryFolder(), temporaryFolder()]
      const folder = join(above, 'disk')
      mkdirSync(folder, { mode: 0o700 })
      chmodSync(above, 0o777)
      noteSight(state, target(folder))
      expect(await found(target(folder), state)).toMatchObject([
        {
          id: 'target.writable',
          severity: 'error',
          remedy: `chmod go-w ${above}; then have it looked at again: hdsync target adopt disk`,
        },
      ])
    })

    test('tells whose the mirrors were then', async () => {
      const [folder, state] = [temporaryFolder(), temporaryFolder()]
      claimSources({ name: 'disk', path: folder }, ['var', 'gone'], { store: 'x', host: 'alpha' })
      noteSight(state, target(folder))
      expect(await found(target(folder), state)).toMatchObject([
        {
          id: 'target.foreign-mirror',
          severity: 'error',
          finding: expect.stringMatching(/archives of var belong to host alpha .*last mounted/),
          remedy: expect.stringContaining('hdsync target adopt disk --take-over'),
        },
      ])
    })
  })

  test('tells of a folder that has an earlier name of this host', async () => {
    const folder = temporaryFolder()
    await writeMarker(folder, 'disk', 0)
    const renamed = { ...target(folder), named: { pattern: '/mnt/%h', host: 'alpha' } }
    expect(await checkTarget(renamed, boxWith([]))).toContainEqual(
      expect.objectContaining({
        id: 'target.renamed-host',
        severity: 'warning',
        remedy: expect.stringContaining('hdsync target adopt disk --again'),
      }),
    )
    const named = { ...renamed, named: { pattern: '/mnt/%h', host: hostname() } }
    expect(await idsOf(named)).toEqual(['target.ok'])
  })

  test('tells of a link where archives go', async () => {
    const folder = temporaryFolder()
    await writeMarker(folder, 'disk', 0)
    symlinkSync('/srv', join(folder, 'Friday'))
    const archive = { target: 'disk', compression: 'zstd' as const }
    expect(await checkTarget(target(folder), boxWith([], {}, { ...config, archive }))).toContainEqual(
      expect.objectContaining({ id: 'target.link', finding: expect.stringContaining('is a link to /srv') }),
    )
  })

  test('tells of what a source has left there that is not backed up there any more, and not of what others have', async () => {
    const folder = temporaryFolder()
    await writeMarker(folder, 'disk', 0)
    const box = boxWith([])
    claimSources({ name: 'disk', path: folder }, ['gone', 'never'], { store: box.store, host: 'alpha' })
    claimSources({ name: 'disk', path: folder }, ['theirs'], { store: 'x', host: 'beta' })
    const files = ['gone/file', 'theirs/file', 'mine/file', 'Monday/gone.tar.zst', 'Monday/theirs.tar.zst']
    for (const file of [...files, 'kept/2026-01-04/gone.tar.gz', 'kept/notes/gone.tar', 'Monday/old.tar']) {
      mkdirSync(dirname(join(folder, file)), { recursive: true })
      writeFileSync(join(folder, file), '')
    }
    const found = (await checkTarget(target(folder), box)).filter(({ id }) => id === 'target.forgotten')
    expect(found).toMatchObject([
      {
        finding: `${folder} holds a mirror and 2 archives of gone, which the config does not back up there`,
        remedy: expect.stringContaining('hdsync forget gone --dry-run'),
      },
      { finding: `${folder} holds 1 archive of old, which the config does not back up there` },
    ])
  })

  test('warns of one that lies in memory, but not of the mount point of a disk that is away', async () => {
    const folder = temporaryFolder()
    await writeMarker(folder, 'disk', 0)
    const memory = { ...(mountOf(readMounts(), folder) as Mount), at: folder, type: 'tmpfs' }
    const box = { ...boxWith([]), mounts: [...readMounts(), memory] }
    expect(await checkTarget(target(folder), box)).toContainEqual(
      expect.objectContaining({ id: 'target.volatile', severity: 'warning' }),
    )
    const absent = target(folder, [{ device: '/dev/null', at: join(folder, 'at') }])
    expect(await idsOf(absent, box)).not.toContain('target.volatile')
  })

  test('tells what is wrong with a folder', async () => {
    const folder = temporaryFolder()
    expect(await checkTarget(target(folder), boxWith([]))).toMatchObject([
      {
        id: 'target.no-marker',
        severity: 'error',
        remedy: expect.stringContaining('hdsync target adopt disk'),
      },
    ])
    await writeMarker(folder, 'other', 0)
    expect(await idsOf(target(folder))).toEqual(['target.other-marker'])
    writeFileSync(join(folder, '.hdsync-target'), 'scribble')
    expect(await idsOf(target(folder))).toEqual(['target.bad-marker'])
    rmSync(folder, { recursive: true })
    expect(await checkTarget(target(folder), boxWith([]))).toMatchObject([
      { id: 'target.no-folder', remedy: `mkdir -p ${folder}` },
    ])
  })

  test('asks for the disks and the mount points of what is not mounted now', async () => {
    const folder = temporaryFolder()
    const at = join(folder, 'at')
    const absent = target(at, [{ device: '/dev/no-such-disk', at }])
    expect(await idsOf(absent)).toEqual(['target.no-device', 'target.no-mount-point'])
    mkdirSync(at)
    expect(await idsOf(absent)).toEqual(['target.no-device'])
    const findfs = { findfs: '/dev/null\n' }
    expect(await idsOf(target(at, [{ device: 'UUID=1', at }]), boxWith([], findfs))).toEqual([
      'target.no-device',
    ])
  })

  test('expects no mount point inside of what is not mounted', async () => {
    const folder = temporaryFolder()
    const nested = target(folder, [
      { device: '/dev/no-such-disk', at: folder },
      { device: '/dev/no-such-disk', at: join(folder, 'var') },
    ])
    expect(await idsOf(nested)).toEqual(['target.no-device', 'target.no-device'])
  })

  test('knows another disk from one that is read-only', async () => {
    const folder = temporaryFolder()
    const mounts = readMounts()
    const below = mountOf(mounts, folder)
    const mount = { ...(below as Mount), at: folder }
    const device = '/dev/no-such-disk'
    const none = target(folder, [{ device, at: folder }])
    expect(await idsOf(none, { ...boxWith([]), mounts: [mount] })).toContain('target.no-device')
    // A run's own look at the mounts is another one: it says what it sees.
    const prove = async () => {
      throw new TerminalError('it is not the one')
    }
    const box = { ...boxWith([]), targets: { prove } }
    const other = { ...mount, device: '1:2', source: '/dev/sda1', type: 'ext4' }
    const disk = { findfs: '/dev/null\n' }
    const byId = target(folder, [{ device: 'UUID=1', at: folder }])
    expect(await idsOf(byId, { ...box, ...runnerWith(disk), mounts: [other] })).toContain('target.wrong-disk')
    const null_ = { ...other, device: '1:3', options: ['ro'] }
    expect(await idsOf(byId, { ...box, ...runnerWith(disk), mounts: [null_] })).toContain('target.read-only')
  })

  test('is content with the disk of copies that is not plugged in', async () => {
    const folder = temporaryFolder()
    const of = parseConfig(
      `sources: { var: { lv: vg01/lv_var, target: disk } }
targets: { disk: { path: /nowhere/disk }, usb: { path: ${folder} } }
archive: { target: disk }
copies: { usb: { target: usb } }
state: /nowhere/state
`,
      'hdsync.yaml',
    )
    const usb = of.targets.usb as Target
    expect(await idsOf(usb, boxWith([], {}, of))).toEqual(['target.unplugged'])
    await writeMarker(folder, 'usb', 0)
    expect(await idsOf(usb, boxWith([], {}, of))).toContain('target.ok')
    rmSync(join(folder, '.hdsync-target'))
    const alone = { ...of, copies: {} }
    expect(await idsOf(usb, boxWith([], {}, alone))).toEqual(['target.no-marker'])
  })

  test('is content with a disk that can be mounted', async () => {
    const at = temporaryFolder()
    const disk = globSync('/dev/{vda,sda,nvme0n1,loop0,ram0}').find((path) =>
      statSync(path, { throwIfNoEntry: false })?.isBlockDevice(),
    )
    if (!disk) return
    expect(await idsOf(target(at, [{ device: disk, at }]))).toContain('target.not-mounted')
  })

  test('refuses a target on the volume that is backed up to it', async () => {
    const folder = temporaryFolder()
    await writeMarker(folder, 'disk', 0)
    const mount = { ...(mountOf(readMounts(), folder) as Mount), at: folder, device: '254:7' }
    const volume = { lv_name: 'lv_var', lv_kernel_major: '254', lv_kernel_minor: '7' }
    const findings = await checkTarget(target(folder), { ...boxWith([volume]), mounts: [mount] })
    expect(findings.filter(({ id }) => /on-source|same-disk/.test(id))).toMatchObject([
      { id: 'target.on-source', severity: 'error', finding: expect.stringContaining('vg01/lv_var itself') },
    ])
  })

  test('refuses a mirror that is a link, and tells of a disk in the target that nobody asks for', async () => {
    const folder = temporaryFolder()
    await writeMarker(folder, 'disk', 0)
    symlinkSync(temporaryFolder(), join(folder, 'var'))
    const mount = { ...(mountOf(readMounts(), folder) as Mount), at: folder, device: '254:8' }
    const inside = { ...mount, id: -1, parent: mount.id, at: join(folder, 'Monday'), source: '/dev/sdx1' }
    const box = { ...boxWith([{ lv_name: 'lv_var' }]), mounts: [mount, inside] }
    const findings = await checkTarget(target(folder), box)
    expect(findings.filter(({ id }) => /stray|unlisted/.test(id))).toMatchObject([
      { id: 'target.unlisted-mount', severity: 'warning', finding: expect.stringContaining('/dev/sdx1') },
      { id: 'target.stray-mirror', severity: 'error', finding: expect.stringContaining('is a link to') },
    ])
  })

  test('finds a target that is given by way of a link', async () => {
    const folder = temporaryFolder()
    await writeMarker(folder, 'disk', 0)
    const link = join(temporaryFolder(), 'backup')
    symlinkSync(folder, link)
    const mount = { ...(mountOf(readMounts(), folder) as Mount), at: folder }
    const device = { device: '/dev/no-such-disk', at: link }
    const box = { ...boxWith([]), mounts: [mount] }
    expect(await idsOf(target(link, [device]), box)).not.toContain('target.not-mounted')
  })

  test('does not take the folder for the target while its disk is not mounted there', async () => {
    const at = temporaryFolder()
    const root = { ...(mountOf(readMounts(), at) as Mount), at: '/', device: '254:7' }
    const volume = { lv_name: 'lv_var', lv_kernel_major: '254', lv_kernel_minor: '7' }
    const box = { ...boxWith([volume]), mounts: [root] }
    expect(await idsOf(target(at, [{ device: '/dev/no-such-disk', at }]), box)).not.toContain(
      'target.on-source',
    )
    expect(await idsOf(target(at), box)).toContain('target.on-source')
  })

  test('warns of a target on the file system of its source, once for all that it keeps', async () => {
    const above = temporaryFolder()
    const folder = join(above, 'disk')
    mkdirSync(folder)
    await writeMarker(folder, 'disk', 0)
    const sources = Object.fromEntries(
      ['one', 'two'].map((name) => [
        name,
        { ...config.sources.var, name, kind: 'path', path: join(above, name) },
      ]),
    )
    const box = boxWith([], {}, { ...config, sources } as typeof config)
    const findings = await checkTarget(target(folder), { ...box, mounts: readMounts() })
    expect(findings.filter(({ id }) => id === 'target.same-disk')).toMatchObject([
      { severity: 'warning', finding: expect.stringContaining('what it keeps of one, two:') },
    ])
  })

  test('warns of a target in the volume group of its source', async () => {
    const folder = temporaryFolder()
    await writeMarker(folder, 'disk', 0)
    const mounts = readMounts()
    const there = mountOf(mounts, folder)
    const volumes = [
      { lv_name: 'lv_var' },
      {
        lv_name: 'backup',
        lv_kernel_major: there?.device.split(':')[0],
        lv_kernel_minor: there?.device.split(':')[1],
      },
    ] as { lv_name: string }[]
    const box = { ...boxWith(volumes), mounts }
    expect(await checkTarget(target(folder), box)).toContainEqual(
      expect.objectContaining({
        id: 'target.same-disk',
        finding: expect.stringContaining('volume group vg01'),
      }),
    )
  })
})
