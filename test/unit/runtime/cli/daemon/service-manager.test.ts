import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test, vi } from 'vitest'
import { createServiceManager } from '../../../../../runtime/cli/daemon/service-manager.ts'
import { temporaryFolder } from '../../../temporary-folder.ts'

/** Programs of systemd that note how they were called. @returns What was called. */
function fakeSystemd(exitCode = 0): () => string[] {
  const folder = temporaryFolder()
  const log = join(folder, 'log')
  mkdirSync(join(folder, 'bin'))
  for (const name of ['systemctl', 'systemd-run', 'systemd-notify']) {
    const program = join(folder, 'bin', name)
    writeFileSync(program, `#!/bin/sh\necho "${name} $*" >>${log}\nexit ${exitCode}\n`)
    chmodSync(program, 0o755)
  }
  vi.stubEnv('PATH', `${folder}/bin:${process.env.PATH}`)
  onTestFinished(() => void vi.unstubAllEnvs())
  return () => (existsSync(log) ? readFileSync(log, 'utf8').trim().split('\n') : [])
}

test('a daemon that leaves is woken by a timer that it makes: /etc is not for it to write', async () => {
  const called = fakeSystemd()
  const manager = createServiceManager({ INVOCATION_ID: 'some' })
  expect(await manager.wakeAt(Date.parse('2026-11-29T03:00:00.750Z'))).toBe(true)
  expect(called()).toEqual([
    'systemctl stop hdsync-wake.timer',
    'systemd-run --quiet --collect --unit=hdsync-wake --on-calendar=2026-11-29 03:00:00 UTC --timer-property=AccuracySec=1s systemctl start hdsync.service',
  ])
})

test('a daemon stays where no timer can be made', async () => {
  fakeSystemd(1)
  expect(await createServiceManager({ INVOCATION_ID: 'some' }).wakeAt(Date.now())).toBe(false)
})

test('without systemd nothing is asked of it', async () => {
  const called = fakeSystemd()
  expect(await createServiceManager({}).wakeAt(Date.now())).toBe(false)
  expect(called()).toEqual([])
})

test('a status is one line, whatever the failure that it tells of has said: no other message to systemd', async () => {
  const called = fakeSystemd()
  const text = 'home: failed\nWATCHDOG=trigger\r\u0000MAINPID=1'
  createServiceManager({ NOTIFY_SOCKET: '/run/systemd/notify' }).status(`${text} ${'x'.repeat(5000)}`)
  await expect.poll(called).toHaveLength(1)
  expect(called()[0]).toMatch(
    /^systemd-notify --status=home: failed\\u\{a\}WATCHDOG=trigger\\u\{d\}\\u\{0\}MAINPID=1 x+$/,
  )
  expect(called()[0]?.length).toBeLessThan(1100)
})
