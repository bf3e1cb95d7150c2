import { spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
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

/** A server whose disk is mounted for runs alone; undefined where this machine makes none. */
function makeServer() {
  const folder = temporaryFolder()
  const device = makeDisk(folder)
  if (!device) return undefined
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
  return { folder, config }
}

const none = 'this box makes no loop device that can be mounted'

test('a vault that fetches has the disk mounted for as long as it asks', async (context) => {
  const { folder, config } = makeServer() ?? context.skip(none)
  const apart = (script: string) =>
    spawnSync('unshare', ['-m', 'sh', '-ec', script, program], { encoding: 'utf8', timeout: 60_000 })
  const night = apart(
    `"$0" target adopt disk --config ${config} >/dev/null; "$0" run -q --config ${config} >/dev/null`,
  )
  expect(night, night.stderr).toMatchObject({ status: 0 })
  const asked = apart(
    `SSH_ORIGINAL_COMMAND='{"v":1,"do":"list"}' "$0" give --config ${config}; grep -o "/mnt [^ ]*" /proc/self/mountinfo || true`,
  )
  const [list = '', ...rest] = asked.stdout.split('\n')
  const { archives } = JSON.parse(list)
  expect(archives).toMatchObject([{ source: 'home', form: 'tar.zst' }])
  expect(rest).toEqual([''])
  const [{ sha256 }] = archives
  const got = join(folder, 'got')
  mkdirSync(got)
  const request = JSON.stringify({ v: 1, do: 'send', sha256 })
  const host = spawn('unshare', ['-m', program, 'give', '--config', config], {
    ...{ env: { ...process.env, SSH_ORIGINAL_COMMAND: request }, stdio: ['pipe', 'pipe', 'inherit'] },
  })
  const ended = once(host, 'exit')
  // As the vault does: it runs what the first line says, and has that talk to the host.
  const [first] = (await once(host.stdout, 'data')) as [Buffer]
  host.stdout.pause()
  const end = first.indexOf('\n')
  const [, ...words] = first.toString('latin1', 0, end).split(' ')
  const vault = spawn('rsync', words, { cwd: got, stdio: ['pipe', 'pipe', 'inherit'] })
  vault.stdin.write(first.subarray(end + 1))
  host.stdout.pipe(vault.stdin)
  vault.stdout.pipe(host.stdin)
  expect(await ended).toEqual([0, null])
  const bytes = readFileSync(join(got, sha256))
  expect(createHash('sha256').update(bytes).digest('hex')).toBe(sha256)
})

test('by day listings need no disk; what has to read it mounts it, and unmounts it again', (context) => {
  const { folder, config } = makeServer() ?? context.skip(none)
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
