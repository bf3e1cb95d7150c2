import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { root } from '../../../deploy/build/bundle.ts'
import { buildPackage } from '../../../deploy/debian/package.ts'

const has = (program: string) => spawnSync('sh', ['-c', `command -v ${program}`]).status === 0
const inCheckout = spawnSync('git', ['-C', root, 'rev-parse', 'HEAD']).status === 0
const folder = mkdtempSync(join(tmpdir(), 'hdsync-test-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

describe.runIf(has('dpkg-deb') && has('strip') && inCheckout)('the Debian package', () => {
  let file = ''
  let contents: string[] = []
  beforeAll(async () => {
    file = await buildPackage(folder, 1)
    contents = execFileSync('dpkg-deb', ['--contents', file], { encoding: 'utf8' }).trim().split('\n')
  })

  test.each([
    '/usr/bin/hdsync -> ../lib/hdsync/bin/hdsync',
    '/usr/lib/hdsync/bin/hdsync',
    '/usr/lib/hdsync/node/bin/node',
    '/usr/lib/hdsync/functions/backup/sync.run.js',
    '/usr/lib/hdsync/runtime/package.json',
    '/usr/lib/hdsync/runtime/hdsync.d.ts',
    '/usr/lib/hdsync/runtime/testing.d.ts',
    '/usr/lib/hdsync/node_modules/zod/package.json',
    '/usr/lib/hdsync/node_modules/@types/node/index.d.ts',
    '/usr/lib/systemd/system/hdsync.socket',
    '/usr/lib/systemd/system/hdsync.service',
    '/usr/lib/systemd/system/hdsync-backup.timer',
    '/usr/lib/tmpfiles.d/hdsync.conf',
    '/usr/share/man/man8/hdsync.8.gz',
    '/usr/share/man/man5/hdsync.yaml.5.gz',
    '/usr/share/bash-completion/completions/hdsync',
    '/usr/share/zsh/vendor-completions/_hdsync',
    '/usr/share/fish/vendor_completions.d/hdsync.fish',
    '/usr/share/hdsync/hdsync.schema.json',
    '/usr/share/doc/hdsync/examples/hdsync.yaml',
    '/usr/share/doc/hdsync/examples/notify.yaml',
    '/usr/share/doc/hdsync/README.md',
    '/usr/share/doc/hdsync/docs/protection.md',
    '/usr/share/doc/hdsync/docs/night.svg',
    '/usr/share/doc/hdsync/copyright',
    '/usr/share/doc/hdsync/changelog.gz',
    '/etc/hdsync/functions/',
  ])('holds %s', (path) => {
    expect(contents.filter((line) => line.endsWith(` .${path}`))).toHaveLength(1)
  })

  test('belongs to root, and nobody else can write to it', () => {
    const odd = contents.filter((line) => !/^(d|-)rw(x|-)r-\2r-\2 root\/root |^l\S+ root\/root /.test(line))
    expect(odd).toEqual([])
  })

  test('runs what is in it', () => {
    const tree = join(folder, 'tree')
    execFileSync('dpkg-deb', ['--extract', file, tree])
    const env = { PATH: '/usr/bin:/bin', HOME: folder, NODE_COMPILE_CACHE: join(folder, 'cache') }
    const { stdout } = spawnSync(join(tree, 'usr/bin/hdsync'), ['--version'], { env, encoding: 'utf8' })
    expect(stdout).toBe(`${JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).version}\n`)
    rmSync(tree, { recursive: true })
  })

  test.runIf(has('lintian'))('has nothing that lintian objects to', { timeout: 120_000 }, () => {
    const { stdout } = spawnSync('lintian', ['--fail-on', 'warning', file], { encoding: 'utf8' })
    expect(stdout).toBe('')
  })
})
