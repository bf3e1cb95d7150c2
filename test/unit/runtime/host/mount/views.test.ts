import { spawnSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { PathSource } from '../../../../../runtime/config/config.ts'
import { parseMountinfo, readMounts, topMountAt } from '../../../../../runtime/host/mount/mountinfo.ts'
import {
  bindArgv,
  coverPatterns,
  createViews,
  resistsSwaps,
  type View,
  type Views,
  viewNeed,
  viewProblem,
} from '../../../../../runtime/host/mount/views.ts'
import { temporaryFolder } from '../../../temporary-folder.ts'
import { recordingRunner } from '../runner.ts'

const mayMount =
  process.geteuid?.() === 0 &&
  spawnSync('unshare', ['--mount', 'mount', '-t', 'tmpfs', 'tmpfs', '/mnt']).status === 0

const mounts = parseMountinfo(
  [
    '1 0 8:1 / / rw - ext4 /dev/sda1 rw',
    '2 1 0:5 / /proc rw - proc proc rw',
    '3 1 8:2 / /srv/docs/a\\040[b] rw - ext4 /dev/sda2 rw',
    '4 3 8:3 / /srv/docs/a\\040[b]/below rw - ext4 /dev/sda3 rw',
    '5 1 8:4 / /srv/docsnot rw - ext4 /dev/sda4 rw',
    '6 1 8:1 /data /srv/www/data rw - ext4 /dev/sda1 rw',
    '8 1 8:1 /usr /usr ro - ext4 /dev/sda1 rw',
    '7 1 0:44 / /srv/home/ann/mnt rw - fuse.sshfs ann@host: rw',
  ].join('\n'),
)

/** Puts a rsync of that version before the one that is installed. */
function rsyncOf(version: string): void {
  const folder = temporaryFolder()
  writeFileSync(join(folder, 'rsync'), `#!/bin/sh\necho "rsync  version ${version}  protocol version 32"\n`, {
    mode: 0o755,
  })
  const before = process.env.PATH
  process.env.PATH = `${folder}:${before}`
  onTestFinished(() => {
    process.env.PATH = before
  })
}

function makeSource() {
  const folder = temporaryFolder()
  const path = join(folder, 'docs')
  mkdirSync(join(path, 'real'), { recursive: true })
  mkdirSync(join(folder, 'secret'))
  writeFileSync(join(path, 'real/file'), 'theirs')
  writeFileSync(join(folder, 'secret/file'), "root's")
  const { runner, recorded } = recordingRunner()
  const directory = join(folder, 'run')
  const views = createViews({ runner, closing: () => recordingRunner().runner, directory })
  return {
    path,
    folder,
    directory,
    views,
    recorded,
    source: { name: 'docs', kind: 'path', path } as PathSource,
  }
}

/** A view as rsync reads it. */
async function opened(views: Views, source: PathSource, run: string): Promise<View> {
  const view = await views.open(source, run)
  await view.forRsync()
  return view
}

describe('resistsSwaps()', () => {
  test.each([
    ['3.2.7', false],
    ['3.4.1', false],
    ['v3.5.0', true],
    ['3.5', true],
    ['4.0', true],
    ['3.10.0', true],
    ['of somebody', false],
  ])('of rsync %s is %s', async (version, resists) => {
    rsyncOf(version)
    expect(await resistsSwaps(recordingRunner().runner)).toBe(resists)
  })

  test('is found out once for each program', async () => {
    rsyncOf('3.5.1')
    const { runner, recorded } = recordingRunner()
    await resistsSwaps(runner)
    await resistsSwaps(runner)
    expect(recorded).toHaveLength(1)
  })
})

describe('coverPatterns()', () => {
  test('leaves out what is mounted below, as names and not as patterns', () =>
    expect(coverPatterns('/srv/docs', mounts)).toEqual(['/a \\[b]/*']))

  test('of the root names what is mounted highest', () =>
    expect(coverPatterns('/', mounts)).toEqual([
      '/proc/*',
      '/srv/docs/a \\[b]/*',
      '/srv/docsnot/*',
      '/srv/www/data/*',
      '/srv/home/ann/mnt/*',
    ]))
})

describe.runIf(mayMount)('viewProblem()', () => {
  test('is not what lies elsewhere, nor what a user has mounted himself', () => {
    expect(viewProblem('/srv/docs', mounts)).toBeUndefined()
    expect(viewProblem('/srv/home', mounts)).toBeUndefined()
  })
})

describe('bindArgv()', () => {
  test('makes a mount of its own that follows no link', () =>
    expect(bindArgv('/srv/docs', '/run/x')).toEqual([
      'mount',
      '--bind',
      '--make-private',
      '-o',
      'ro,nosymfollow,nodev,nosuid,noexec',
      '--',
      '/srv/docs',
      '/run/x',
    ]))
})

describe.runIf(mayMount)('a view', () => {
  test('shows a directory to an older rsync, and leads nowhere else', async () => {
    rsyncOf('3.2.7')
    const { views, source, path, folder, directory } = makeSource()
    {
      await using view = await opened(views, source, 'run1')
      expect(view).toMatchObject({ at: join(directory, 'run1-docs'), exclude: [] })
      expect(view.warning).toBeUndefined()
      expect(readFileSync(join(view.at, 'real/file'), 'utf8')).toBe('theirs')
      symlinkSync(join(folder, 'secret'), join(path, 'swapped'))
      expect(() => readFileSync(join(view.at, 'swapped/file'))).toThrow(/ELOOP/)
      expect(() => writeFileSync(join(view.at, 'real/file'), 'ours')).toThrow(/EROFS/)
    }
    expect(readMounts().some(({ at }) => at.startsWith(directory))).toBe(false)
    expect(readdirSync(directory)).toEqual([])
  })

  test('that an earlier run has left is unmounted first, others are not', async () => {
    rsyncOf('3.2.7')
    const { views, source, directory } = makeSource()
    const other = await opened(views, { ...source, name: 'other' }, 'run1')
    await opened(views, source, 'run1')
    const view = await opened(views, source, 'run2')
    expect(readdirSync(directory).toSorted()).toEqual(['run1-other', 'run2-docs'])
    expect(topMountAt(readMounts(), join(directory, 'run1-docs'))).toBeUndefined()
    await view[Symbol.asyncDispose]()
    await other[Symbol.asyncDispose]()
  })

  test('is not needed by a rsync that resists: then it is read directly without a warning', async () => {
    rsyncOf('3.5.0')
    const { views, source, path } = makeSource()
    mkdirSync(join(path, 'again'))
    spawnSync('mount', ['--bind', join(path, 'real'), join(path, 'again')])
    onTestFinished(() => void spawnSync('umount', [join(path, 'again')]))
    const view = await views.open(source, 'run1')
    expect(view).toMatchObject({ at: path, exclude: [], holds: false })
    expect(view.warning).toBeUndefined()
  })

  test('cannot be had of what is mounted again in it: then it is read directly, with a warning', async () => {
    rsyncOf('3.2.7')
    const { views, source, path } = makeSource()
    mkdirSync(join(path, 'again'))
    spawnSync('mount', ['--bind', join(path, 'real'), join(path, 'again')])
    onTestFinished(() => void spawnSync('umount', [join(path, 'again')]))
    const view = await views.open(source, 'run1')
    expect(view.at).toBe(path)
    expect(view.warning).toMatch(/again is a mount in it .*: install rsync 3\.5\.0 or newer$/)
    expect(await viewNeed(source, recordingRunner().runner)).toMatchObject({ path })
  })

  test('of what is not there is none', async () => {
    rsyncOf('3.2.7')
    const { views, source } = makeSource()
    expect(await opened(views, { ...source, path: '/nowhere/at/all' }, 'run1')).toMatchObject({
      at: '/nowhere/at/all',
    })
  })

  test('is made once rsync needs it: where names alone are read, nothing is started', async () => {
    rsyncOf('3.2.7')
    const { views, source, path, directory, recorded } = makeSource()
    {
      await using view = await views.open(source, 'run1')
      expect(view).toMatchObject({ at: path, exclude: [] })
    }
    expect(recorded).toEqual([])
    await using view = await views.open(source, 'run1')
    await view.forRsync()
    await view.forRsync()
    expect(view).toMatchObject({ at: join(directory, 'run1-docs'), holds: true })
    // Which rsync it is, does not matter then.
    expect(recorded.map(({ argv }) => argv[0])).toEqual(['mount'])
  })

  test('is made at once of a source that has mounts in it: names under them are others', async () => {
    rsyncOf('3.2.7')
    const { views, source, path, directory } = makeSource()
    spawnSync('mount', ['-t', 'tmpfs', 'tmpfs', join(path, 'real')])
    onTestFinished(() => void spawnSync('umount', [join(path, 'real')]))
    await using view = await views.open(source, 'run1')
    expect(view).toMatchObject({ at: join(directory, 'run1-docs'), exclude: ['/real/*'] })
    expect(readdirSync(join(view.at, 'real'))).toEqual(['file'])
  })
})
