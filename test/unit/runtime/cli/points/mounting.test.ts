import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { program } from '../../../program.ts'
import { temporaryFolder } from '../../../temporary-folder.ts'

/** A disk in a file; undefined where this machine makes none. */
function makeDisk(folder: string): string | undefined {
  const image = join(folder, 'image')
  writeFileSync(image, '')
  truncateSync(image, 32 * 1024 ** 2)
  if (process.getuid?.() !== 0 || spawnSync('mkfs.ext4', ['-q', image]).status !== 0) return undefined
  const { status, stdout } = spawnSync('losetup', ['-f', '--show', image], { encoding: 'utf8' })
  const device = stdout?.trim()
  if (status !== 0 || !device) return undefined
  const mounts = spawnSync('unshare', ['-m', 'mount', device, '/mnt']).status === 0
  onTestFinished(() => void spawnSync('losetup', ['-d', device]))
  return mounts ? device : undefined
}

test('by day listings need no disk; what has to read it mounts it, and unmounts it again', (context) => {
  const folder = temporaryFolder()
  const device = makeDisk(folder)
  if (!device) return context.skip('this box makes no loop device that can be mounted')
  for (const name of ['home', 'mnt', 'functions']) mkdirSync(join(folder, name), { mode: 0o700 })
  writeFileSync(join(folder, 'home/ann'), 'good\n')
  const config = join(folder, 'hdsync.yaml')
  writeFileSync(
    config,
    `sources: { home: { path: ${folder}/home, target: disk } }
targets: { disk: { path: ${folder}/mnt, mounts: [{ device: ${device}, at: ${folder}/mnt }] } }
archive: { target: disk }
state: ${folder}/state
functions: ${folder}/functions
`,
    { mode: 0o600 },
  )
  const said = (command: string) => [
    `echo '$ ${command}'`,
    `"$0" ${command} --config ${config}`,
    'grep -o "/mnt [^ ]*" /proc/self/mountinfo',
  ]
  const script = [
    `"$0" target adopt disk --config ${config} >/dev/null && "$0" run -q --config ${config} >/dev/null`,
    ...said('ls home'),
    ...said('cat home:ann'),
    ...said('diff home --from latest --to live'),
    ...said(`restore home --to ${folder}/new -q`),
  ].join('\n')
  const { stdout, stderr } = spawnSync('unshare', ['-m', 'sh', '-c', script, program], { encoding: 'utf8' })
  expect(stdout.replaceAll(folder, '/f').split('\n')).toEqual([
    ...['$ ls home', 'ann', '$ cat home:ann', 'good', '$ diff home --from latest --to live'],
    ...['$ restore home --to /f/new -q', 'home restored in /f/new', ''],
  ])
  expect(stderr).not.toContain('cannot')
  expect(readFileSync(join(folder, 'new/ann'), 'utf8')).toBe('good\n')
})
