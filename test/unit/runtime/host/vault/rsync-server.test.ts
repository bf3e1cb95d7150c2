import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { sendingMs } from '../../../../../runtime/host/vault/rsync-server.ts'
import { rsyncOptions } from '../../../../../runtime/vault-protocol.ts'
import { temporaryFolder } from '../../../temporary-folder.ts'

const hourMs = 3_600_000

test('sendingMs() has a least and a most', () => {
  expect(sendingMs(0)).toBe(6 * hourMs)
  expect(sendingMs(64 * 1024 * 3600)).toBe(7 * hourMs)
  expect(sendingMs(2 ** 50)).toBe(72 * hourMs)
})

/** A host's folder, and a command that takes bytes for it from its input. @param more Of the admission. */
function makeTaker(more: object, folder = temporaryFolder()) {
  for (const name of ['incoming', 'base']) mkdirSync(join(folder, name))
  for (const name of ['lock', 'slot']) writeFileSync(join(folder, name), '')
  const name = 'a'.repeat(64)
  const slot = join(folder, 'slot')
  const admission = {
    ...{ host: 'web1', path: folder, lock: join(folder, 'lock'), slots: [slot] },
    ...{ name, mostBytes: 1000, mostMs: 60_000, ...more },
  }
  const outside = temporaryFolder()
  const program = join(outside, 'take.ts')
  const module = join(import.meta.dirname, '../../../../../runtime/host/vault/rsync-server.ts')
  const text = `import { renameSync, writeFileSync } from 'node:fs'
import { takeBytes } from ${JSON.stringify(module)}
const { command } = process.env
const { newBytes, failure } = await takeBytes(${JSON.stringify(admission)}, command)
const words = failure ? \`\${failure.message}\` : newBytes
writeFileSync(${JSON.stringify(join(outside, 'said.new'))}, String(words))
renameSync(${JSON.stringify(join(outside, 'said.new'))}, ${JSON.stringify(join(outside, 'said'))})
`
  writeFileSync(program, text)
  const said = async () => {
    await expect.poll(() => existsSync(join(outside, 'said'))).toBe(true)
    return readFileSync(join(outside, 'said'), 'utf8')
  }
  return { folder, outside, name, slot, program, said }
}

test('an rsync whose other end keeps the connection and says nothing is ended, and holds no lock any more', async () => {
  const { name, slot, program, said } = makeTaker({ mostMs: 1000 })
  const command = `rsync --server -Ie.LsfxCIvu --timeout=600 --inplace . ${name}`
  const env = { ...process.env, command }
  const child = spawn(process.execPath, [program], { stdio: ['pipe', 'ignore', 'ignore'], env })
  expect(await said()).toContain('rsync was ended on the vault after 1s')
  expect(child.stdin.writableEnded).toBe(false)
  expect(spawnSync('flock', ['--nonblock', slot, 'true']).status).toBe(0)
})

test('more bytes than were offered are not written, and that is said', async () => {
  const { folder, name, program, said } = makeTaker({})
  const shell = join(folder, 'shell')
  // rsync calls it as it calls ssh: HOST COMMAND….
  writeFileSync(shell, `#!/bin/sh\nshift\ncommand="$*" exec ${process.execPath} ${program}\n`, {
    mode: 0o755,
  })
  const large = join(folder, 'large')
  writeFileSync(large, randomBytes(500_000))
  const { status } = spawnSync('rsync', [...rsyncOptions, '-e', shell, large, `vault:${name}`])
  expect(status).not.toBe(0)
  expect(await said()).toBe('more came than was offered: rsync was ended')
  expect(statSync(join(folder, 'incoming', name)).size).toBe(1000)
})

test.skipIf(process.getuid?.() !== 0)(
  'a disk that is full on the way is told of, and rsync goes on from there',
  async () => {
    const disk = join(temporaryFolder(), 'disk')
    mkdirSync(disk)
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', disk])
    onTestFinished(() => void execFileSync('umount', ['-l', disk]))
    const { folder, outside, name, program, said } = makeTaker({ mostBytes: 2_000_000 }, disk)
    const shell = join(folder, 'shell')
    writeFileSync(shell, `#!/bin/sh\nshift\ncommand="$*" exec ${process.execPath} ${program}\n`, {
      mode: 0o755,
    })
    const large = join(temporaryFolder(), 'large')
    writeFileSync(large, randomBytes(2_000_000))
    const send = () => spawnSync('rsync', [...rsyncOptions, '-e', shell, large, `vault:${name}`]).status
    expect(send()).not.toBe(0)
    execFileSync('mount', ['-o', 'remount,size=8m', disk])
    expect(await said()).toContain('the disk of the vault is full: what has come stays')
    rmSync(join(outside, 'said'))
    expect(send()).toBe(0)
    expect(readFileSync(join(folder, 'incoming', name)).equals(readFileSync(large))).toBe(true)
  },
)
