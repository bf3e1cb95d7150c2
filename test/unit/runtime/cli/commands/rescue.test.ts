import { createHash } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { rescueCommand } from '../../../../../runtime/cli/commands/rescue.ts'
import { temporaryFolder } from '../../../temporary-folder.ts'
import { classicServer } from '../../backup/rescue/classic-server.ts'

/** A folder of backups on which a rescue was cut off before its first step. */
function cutOff(disks: object[]): string {
  const folder = temporaryFolder()
  const { host, recordedAt } = classicServer
  const machine = join(folder, '.hdsync-machine', host)
  mkdirSync(machine, { recursive: true })
  writeFileSync(join(machine, 'machine.json'), JSON.stringify(classicServer))
  const key = createHash('sha256')
    .update(JSON.stringify([host, recordedAt, [], []]))
    .digest('hex')
  const steps = [{ id: 'a', why: 'a file', argv: ['touch', join(folder, 'touched')] }]
  const journal = { key, disks, steps, notes: [], done: [], ended: false }
  writeFileSync(join(machine, 'rescue.json'), JSON.stringify(journal))
  return folder
}

async function rescued(disk: string, json = false) {
  const lines: string[] = []
  const io = { stdout: (text: string) => void lines.push(text), stderr: () => {}, colour: false, env: {} }
  const code = await rescueCommand({ disk, json }, io)
  return { code, stdout: lines.join('') }
}

const missing = { old: '/dev/sda', now: '/dev/hdsync-none', sizeBytes: 1024 ** 3, identity: { serial: 'A1' } }

test('a rescue that was cut off looks at its disks again, and does not go on without them', async () => {
  const folder = cutOff([missing])
  const { code, stdout } = await rescued(folder)
  expect(code).toBe(1)
  expect(stdout).toMatch(
    /goes on: 0 of 1 steps.*\nin the way: there is no disk \/dev\/hdsync-none any more: /,
  )
  expect(stdout).not.toContain('touch')
  const told = JSON.parse((await rescued(folder, true)).stdout)
  expect(told).toMatchObject({ goesOn: true, disks: [missing], problems: [expect.any(String)] })
})

test('one whose disks are what they were tells what is left', async () => {
  const { code, stdout } = await rescued(cutOff([]))
  expect(code).toBe(0)
  expect(stdout).toMatch(/with --execute this is left:\n(.*\n)*touch /)
})
