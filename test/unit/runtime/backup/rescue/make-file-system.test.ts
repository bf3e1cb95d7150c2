import { spawnSync } from 'node:child_process'
import { truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { makeArgv } from '../../../../../runtime/backup/rescue/make-file-system.ts'
import { isInstalled } from '../../../../../runtime/host/command/packages.ts'
import { extFacts } from '../../../../../runtime/host/machine/look.ts'
import { temporaryFolder } from '../../../temporary-folder.ts'

const uuid = '6ba7b810-9dad-41d1-80b4-00c04fd430c8'
const env = { ...process.env, PATH: `${process.env.PATH}:/usr/sbin:/sbin` }

function image(name: string): string {
  const path = join(temporaryFolder(), name)
  writeFileSync(path, '')
  truncateSync(path, 400 * 1024 ** 2)
  return path
}

function run(...argv: string[]): string {
  const [program = '', ...words] = argv
  const { status, stdout, stderr } = spawnSync(program, words, { env, encoding: 'utf8' })
  expect(`${status} ${stderr}`).toMatch(/^0/)
  return stdout
}

for (const type of ['ext2', 'ext3', 'ext4', 'xfs', 'reiserfs', 'swap']) {
  const program = type === 'swap' ? 'mkswap' : `mkfs.${type}`
  test.skipIf(!isInstalled(program))(`${type} comes back with its UUID and label`, () => {
    const path = image(type)
    run(...(makeArgv({ type, uuid, label: 'things' }, path) ?? []))
    const found = run('blkid', '--probe', '--output', 'export', path)
    expect(found).toContain(`TYPE=${type}`)
    expect(found).toContain(`UUID=${uuid}`)
    expect(found).toContain('LABEL=things')
  })
}

test.each(['ext2', 'ext3', 'ext4'])('%s comes back with its features, sizes of blocks and inodes', (type) => {
  const first = image(`${type}-old`)
  run(`mkfs.${type}`, '-q', '-F', '-b', '1024', '-I', '128', '-O', '^resize_inode,^huge_file', first)
  const was = extFacts(run('dumpe2fs', '-h', first))
  const second = image(`${type}-new`)
  run(...(makeArgv({ type, uuid, ...was }, second) ?? []))
  expect(extFacts(run('dumpe2fs', '-h', second))).toEqual(was)
})

test('a type that hdsync does not make is not made', () => {
  expect(makeArgv({ type: 'zfs_member' }, '/dev/null')).toBeUndefined()
})
