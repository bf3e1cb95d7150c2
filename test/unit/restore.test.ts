import { spawnSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { writeMarker } from '../../runtime/host/target/marker.ts'
import { weekdays } from '../../runtime/weekday.ts'
import { backUp } from './runtime/cli/night.ts'
import { temporaryFolder } from './temporary-folder.ts'

/** The commands of README and of its page that unpack an archive, each without the line breaks in it and without its comment. */
function unpacking(): string[] {
  const commands = ['README.md', 'deploy/docs/restore.md'].map((file) => {
    const text = readFileSync(join(import.meta.dirname, '../..', file), 'utf8')
    return /# (?:Without hdsync|How to restore\n(?!\n## What)).*?```sh\n(.*?)```/s.exec(text)?.[1] ?? ''
  })
  return commands
    .join('')
    .replaceAll('\\\n', '')
    .split('\n')
    .map((line) => line.replace(/ +#.*/, ''))
    .filter((line) => /^tar .*-x/.test(line))
}

test('archives are unpacked as README and its page tell, into the folder that the source was copied from', async () => {
  const folder = temporaryFolder()
  const files = { home: 'home/ann/notes', root: 'etc/fstab' }
  for (const path of ['disk', 'functions', 'machine/home/ann', 'machine/etc', 'again/home'])
    mkdirSync(join(folder, path), { recursive: true })
  for (const path of Object.values(files)) writeFileSync(join(folder, 'machine', path), path)
  await writeMarker(join(folder, 'disk'), 'disk', 0)
  const config = join(folder, 'hdsync.yaml')
  writeFileSync(
    config,
    `sources:
  home: { path: ${folder}/machine/home, target: disk }
  root: { path: ${folder}/machine, target: disk, exclude: [/home/] }
targets: { disk: { path: ${folder}/disk } }
archive: { target: disk }
state: ${folder}/state
functions: ${folder}/functions
`,
    { mode: 0o600 },
  )
  await backUp({ folder, config })
  const day = readdirSync(join(folder, 'disk')).find((name) => (weekdays as readonly string[]).includes(name))
  const commands = unpacking()
  expect(commands).toHaveLength(3)
  for (const command of commands) {
    // Elsewhere than on this machine.
    const here = command
      .replaceAll('/mnt/hdd9/Tuesday', join(folder, 'disk', day ?? ''))
      .replace(/-C (\/\w*)/, (_, path) => `-C ${join(folder, 'again', path)}`)
    const { status, stderr } = spawnSync('sh', ['-c', here], { encoding: 'utf8' })
    expect({ command, status, stderr }).toEqual({ command, status: 0, stderr: '' })
  }
  for (const path of Object.values(files))
    expect(readFileSync(join(folder, 'again', path), 'utf8')).toBe(path)
})
