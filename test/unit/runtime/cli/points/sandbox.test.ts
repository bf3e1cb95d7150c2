import { spawnSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { program } from '../../../program.ts'
import { temporaryFolder } from '../../../temporary-folder.ts'

const mayMount = process.getuid?.() === 0 && spawnSync('unshare', ['-m', 'true']).status === 0

// The outer namespace stands for the machine; the inner one is made as systemd makes it with ProtectSystem=full.
const inSandbox = `
  export HDSYNC_MOUNT_NAMESPACE=/proc/$$/ns/mnt
  unshare --mount --propagation slave sh -c '
    mount --bind "$live/etc" "$live/etc"; mount -o remount,bind,ro "$live/etc"
    if touch "$live/etc/not" 2>/dev/null; then echo "no sandbox" >&2; exit 9; fi
    "$program" "$@"' hdsync "$@"`

test.runIf(mayMount)(
  'a restore writes where a sandbox lets nothing be written, and is taken back there',
  () => {
    const folder = temporaryFolder()
    const live = join(folder, 'live')
    for (const name of ['live/etc/deep', 'disk', 'functions'])
      mkdirSync(join(folder, name), { recursive: true })
    writeFileSync(join(live, 'etc/deep/fstab'), 'good\n')
    const config = join(folder, 'hdsync.yaml')
    writeFileSync(
      config,
      `sources: { live: { path: ${live}, target: disk } }
targets: { disk: { path: ${folder}/disk } }
archive: { target: disk }
state: ${folder}/state
functions: ${folder}/functions
`,
      { mode: 0o600 },
    )
    const hdsync = (how: string, ...words: string[]) =>
      spawnSync(
        'unshare',
        ['--mount', '--propagation', 'shared', 'sh', '-c', how, 'sh', ...words, '--config', config],
        { encoding: 'utf8', env: { ...process.env, live, program } },
      )
    const plain = '"$program" "$@"'
    expect(hdsync(plain, 'target', 'adopt', 'disk').status).toBe(0)
    expect(hdsync(plain, 'run', '--quiet').status).toBe(0)
    const file = join(live, 'etc/deep/fstab')

    rmSync(join(live, 'etc/deep'), { recursive: true })
    const restored = hdsync(inSandbox, 'restore', file, '--in-place', '--yes', '-q')
    expect([restored.status, restored.stderr]).toEqual([0, expect.not.stringContaining('cannot')])
    expect(readFileSync(file, 'utf8')).toBe('good\n')

    writeFileSync(file, 'other\n')
    expect(hdsync(inSandbox, 'restore', file, '--in-place', '--yes', '-q').status).toBe(0)
    expect(readFileSync(file, 'utf8')).toBe('good\n')
    expect(hdsync(inSandbox, 'restore', '--undo', 'last', '-q').status).toBe(0)
    expect(readFileSync(file, 'utf8')).toBe('other\n')

    const points: { id: string; kind: string }[] = JSON.parse(hdsync(plain, 'backups', '--json').stdout)
    for (const { id, kind } of points) {
      const away = join(live, 'etc', kind)
      const { status, stdout, stderr } = hdsync(inSandbox, 'restore', file, '--at', id, '--to', away, '-q')
      expect([status, stdout], stderr).toEqual([0, expect.any(String)])
      expect(readFileSync(join(away, 'etc/deep/fstab'), 'utf8')).toBe('good\n')
      expect(readdirSync(away)).toEqual(['etc'])
    }
    expect(points.map(({ kind }) => kind).sort()).toEqual(['mirror', 'weekday'])
  },
)
