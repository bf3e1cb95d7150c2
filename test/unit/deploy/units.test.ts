import { spawnSync } from 'node:child_process'
import { chmodSync, cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { root } from '../../../deploy/build/bundle.ts'
import { temporaryFolder } from '../temporary-folder.ts'

const units = join(root, 'deploy/systemd')
const services = ['hdsync.service', 'hdsync-backup.service', 'hdsync-failed@.service', 'hdsync-boots.service']
const worst = 5.0

function analyze(folder: string, ...words: string[]) {
  // The colon at the end: and what the system has.
  const env = { ...process.env, SYSTEMD_UNIT_PATH: `${folder}:`, SYSTEMD_COLORS: '0' }
  return spawnSync('systemd-analyze', words, { encoding: 'utf8', env })
}

/** The units with a program and no manual pages: the package has both, a checkout has neither. */
function asInstalled(): string {
  const folder = temporaryFolder()
  const program = join(folder, 'bin/hdsync')
  mkdirSync(join(folder, 'bin'))
  writeFileSync(program, '#!/bin/sh\n')
  chmodSync(program, 0o755)
  cpSync(units, folder, { recursive: true, dereference: true })
  for (const name of ['hdsync.socket', 'hdsync-backup.timer', 'hdsync-schedules.timer', ...services]) {
    const text = readFileSync(join(folder, name), 'utf8')
    writeFileSync(
      join(folder, name),
      text.replace(/\/usr\/(lib\/hdsync\/)?bin\/hdsync/g, program).replace(/^Documentation=.*\n/gm, ''),
    )
  }
  return folder
}

// Without systemd (in a container) there is nobody to judge them.
describe.runIf(analyze(units, '--version').status === 0)('the systemd units', () => {
  test.each([
    ['America/Santiago', '2026-09-05 12:00', '2026-09-06'],
    ['Africa/Cairo', '2026-04-23 12:00', '2026-04-24'],
  ])('back up on the day on which the clocks of %s skip midnight', (zone, base, day) => {
    const timer = readFileSync(join(units, 'hdsync-backup.timer'), 'utf8')
    const calendar = /^OnCalendar=(.+)$/m.exec(timer)?.[1] ?? ''
    const next = (spec: string) =>
      spawnSync('systemd-analyze', ['calendar', `--base-time=${base}`, spec], {
        encoding: 'utf8',
        env: { ...process.env, TZ: zone, LC_ALL: 'C' },
      }).stdout
    expect(next(calendar)).toMatch(new RegExp(`Next elapse: \\w+ ${day} 04:15:00`))
    expect(next('daily')).not.toMatch(new RegExp(`Next elapse: \\w+ ${day} `))
  })

  test('are such that systemd finds nothing wrong with them', () => {
    const folder = asInstalled()
    const names = [
      'hdsync.socket',
      'hdsync-backup.timer',
      'hdsync-schedules.timer',
      'hdsync-failed@x.service',
      ...services.filter((name) => !name.includes('@')),
    ]
    const { status, stderr } = analyze(folder, 'verify', ...names.map((name) => join(folder, name)))
    expect(stderr).toBe('')
    expect(status).toBe(0)
  })

  test.each(services)(`of %s leave an exposure of at most ${worst}`, (name) => {
    const folder = asInstalled()
    const { stdout } = analyze(folder, 'security', '--offline=yes', '--no-pager', join(folder, name))
    const [, exposure] = /exposure level for \S+: ([\d.]+)/.exec(stdout) ?? []
    expect(Number(exposure)).toBeGreaterThan(0)
    expect(Number(exposure)).toBeLessThanOrEqual(worst)
  })
})

describe('the timer', () => {
  test('is made up for after the machine was off, and spread over a fleet', () => {
    const text = readFileSync(join(units, 'hdsync-backup.timer'), 'utf8')
    for (const line of ['OnCalendar=*-*-* 04:15', 'Persistent=true', 'RandomizedDelaySec=1h'])
      expect(text).toContain(line)
  })
})

describe('the timer of schedules', () => {
  const text = readFileSync(join(units, 'hdsync-schedules.timer'), 'utf8')
  const script = (name: string) => readFileSync(join(root, 'deploy/debian', name), 'utf8')

  test('starts the daemon after each boot, where there is a config', () => {
    for (const line of [
      'ConditionPathExists=/etc/hdsync/hdsync.yaml',
      'OnBootSec=2min',
      'Unit=hdsync.service',
      'WantedBy=timers.target',
    ])
      expect(text.split('\n')).toContain(line)
  })

  test('is enabled and started by the package, and goes with it', () => {
    expect(script('postinst')).toMatch(/^ {2}for unit in .*hdsync-schedules\.timer.*; do$/m)
    expect(script('postinst')).toMatch(/deb-systemd-invoke start .*hdsync-schedules\.timer/)
    expect(script('prerm')).toMatch(/deb-systemd-invoke stop .*hdsync-schedules\.timer/)
    expect(script('postrm')).toMatch(/deb-systemd-helper purge .*hdsync-schedules\.timer/)
  })
})

describe('the sandbox', () => {
  const hardening = readFileSync(join(units, 'hdsync.service.d/hardening.conf'), 'utf8')
  const settings = hardening.split('\n').filter((line) => /^\w+=/.test(line))

  test.each([
    'PrivateTmp',
    'ProtectHome',
    'ProtectKernelModules',
    'InaccessiblePaths',
    'TemporaryFileSystem',
  ])('does not have %s, which puts empty folders in the place of what is backed up', (name) =>
    expect(settings.filter((line) => line.startsWith(`${name}=`))).toEqual([]),
  )

  test('tells hdsync the way out to the mounts of the machine', () => {
    expect(settings).toContain('PrivateMounts=yes')
    expect(settings).toContain('Environment=HDSYNC_MOUNT_NAMESPACE=/proc/1/ns/mnt')
  })
})
