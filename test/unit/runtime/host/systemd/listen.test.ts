import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { CommandRunner } from '../../../../../runtime/host/command/command.ts'
import { listenBySystemd, listenFile, takeUp } from '../../../../../runtime/host/systemd/listen.ts'
import { temporaryFolder } from '../../../temporary-folder.ts'

const unit = readFileSync(join(import.meta.dirname, '../../../../../deploy/systemd/hdsync.socket'), 'utf8')

test('what open --set-up writes adds an address to the socket unit, and systemd is told', async () => {
  const folder = temporaryFolder()
  const file = join(folder, 'hdsync.socket.d/page.conf')
  const ran: string[] = []
  const run = (async ({ argv }: { argv: readonly string[] }) => {
    // It is there by then.
    expect(readFileSync(file, 'utf8')).not.toBe('')
    ran.push(argv.join(' '))
    return {} as never
  }) satisfies CommandRunner['run']
  await listenBySystemd('[::1]:7227', { run }, file)
  await listenBySystemd('127.0.0.1:7227', { run }, file)
  expect(readFileSync(file, 'utf8')).toBe(
    '# Written by hdsync open --set-up: the page.\n[Socket]\nListenStream=127.0.0.1:7227\n',
  )
  expect(statSync(file).mode & 0o022).toBe(0)
  expect(ran).toEqual(['systemctl daemon-reload', 'systemctl daemon-reload'])
})

test('it is a drop-in of the unit that is installed, which keeps the socket of its own', () => {
  expect(listenFile).toBe('/etc/systemd/system/hdsync.socket.d/page.conf')
  expect(takeUp.argv).toEqual(['systemctl', 'restart', 'hdsync.socket'])
  expect(unit).toMatch(/^ListenStream=\/run\/hdsync\/hdsync\.sock$/m)
})
