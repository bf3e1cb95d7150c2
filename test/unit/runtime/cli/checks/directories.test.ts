import { spawnSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { Box } from '../../../../../runtime/cli/checks/box.ts'
import { checkSwaps } from '../../../../../runtime/cli/checks/directories.ts'
import type { PathSource } from '../../../../../runtime/config/config.ts'
import { temporaryFolder } from '../../../temporary-folder.ts'
import { recordingRunner } from '../../host/runner.ts'

const mayMount =
  process.geteuid?.() === 0 &&
  spawnSync('unshare', ['--mount', 'mount', '-t', 'tmpfs', 'tmpfs', '/mnt']).status === 0

describe.runIf(mayMount)('checkSwaps()', () => {
  test.each([
    ['3.2.7', true, ['path.swappable']],
    ['3.2.7', false, []],
    ['3.5.0', true, []],
  ])('of rsync %s, with something mounted again in the source: %s', async (version, mounted, ids) => {
    const folder = temporaryFolder()
    const path = join(folder, 'docs')
    mkdirSync(join(path, 'one'), { recursive: true })
    mkdirSync(join(path, 'two'))
    mkdirSync(join(folder, 'bin'))
    writeFileSync(join(folder, 'bin/rsync'), `#!/bin/sh\necho "rsync  version ${version}"\n`, { mode: 0o755 })
    const before = process.env.PATH
    process.env.PATH = `${folder}/bin:${before}`
    onTestFinished(() => {
      process.env.PATH = before
    })
    if (mounted) {
      spawnSync('mount', ['--bind', join(path, 'one'), join(path, 'two')])
      onTestFinished(() => void spawnSync('umount', [join(path, 'two')]))
    }
    const { runner } = recordingRunner()
    const source = { name: 'docs', kind: 'path', path } as PathSource
    const findings = await checkSwaps(source, { runner } as Box)
    expect(findings.map(({ id }) => id)).toEqual(ids)
  })
})
