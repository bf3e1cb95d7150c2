import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { adoptTarget } from '../../../../../runtime/cli/commands/adopt.ts'
import { type InitOptions, initCommand } from '../../../../../runtime/cli/commands/init.ts'
import { parseConfig } from '../../../../../runtime/config/config.ts'
import { TerminalError, UsageError } from '../../../../../runtime/errors.ts'
import { readMarker } from '../../../../../runtime/host/target/marker.ts'
import { temporaryFolder } from '../../../temporary-folder.ts'
import { surveyOf } from '../../host/machines.ts'
import { runnerOf } from '../checks/lvm.ts'
import { printed } from '../night.ts'

/** Runs init as on a recorded machine, with the state directory out of the way. */
async function init(options: InitOptions, machine = 'cloud-vm', interactive = false) {
  const io = printed()
  const state = temporaryFolder()
  const adopt: typeof adoptTarget = (_config, target, how) => adoptTarget({ state }, target, how)
  const given = { survey: surveyOf(machine), runner: runnerOf({}), interactive, adopt }
  const code = await initCommand(options, io, given)
  return { code, out: io.out, err: io.err }
}

describe('init', () => {
  test('writes the config, marks the target, and says what comes next', async () => {
    const folder = temporaryFolder()
    const [file, backup] = [join(folder, 'etc/hdsync.yaml'), join(folder, 'backup')]
    mkdirSync(backup)
    const { code, out } = await init({ config: file, target: backup, yes: true })
    expect(code).toBe(0)
    const config = parseConfig(readFileSync(file, 'utf8'), file)
    expect(Object.keys(config.sources)).toEqual(['root', 'efi'])
    expect(config.targets.backup).toMatchObject({ path: backup, mounts: [] })
    expect(config.sources.root?.exclude).toContain(`${backup}/*`)
    expect(readMarker(backup)?.target).toBe('backup')
    expect(statSync(file).mode & 0o777).toBe(0o600)
    expect(out).toMatch(/✔ .*hdsync\.yaml is written: root, efi to .*backup\n/)
    expect(out).toContain(`hdsync plan --config ${file}`)
  })

  test('says that archives are off, why, and what turns them on', async () => {
    const folder = temporaryFolder()
    const [file, backup] = [join(folder, 'hdsync.yaml'), join(folder, 'backup')]
    mkdirSync(backup)
    const given = { config: file, target: backup, yes: true }
    // Of a folder on the disk of the system: there is no room for a week beside what is in use.
    const { out } = await init(given, 'classic')
    const text = readFileSync(file, 'utf8')
    if (parseConfig(text, file).archive) throw new Error('the machine has room: choose another one')
    expect(out).toMatch(
      /! no weekday archives: \S+backup has room for [\d.]+ .iB, and the mirrors with a week of archives may take [\d.]+ .iB\n/,
    )
    expect(out).toContain(`to have them, write in ${file}: archive: { target: backup }`)
    expect(text).toMatch(/^# Weekday archives are off: .*\n# archive: \{ target: backup \}$/m)
    // As it stands there, it is what turns them on.
    const turnedOn = text.replace(/^# (archive: .*)$/m, '$1')
    expect(parseConfig(turnedOn, file).archive).toMatchObject({ target: 'backup' })
  })

  test('never overwrites a config, and says what is there', async () => {
    const folder = temporaryFolder()
    const file = join(folder, 'hdsync.yaml')
    writeFileSync(file, 'mine')
    const attempt = init({ config: file, yes: true })
    await expect(attempt).rejects.toBeInstanceOf(UsageError)
    await expect(attempt).rejects.toThrow(/is there already \(a file of 4 bytes\), and is left as it is/)
    expect(readFileSync(file, 'utf8')).toBe('mine')
  })

  test('asks for --yes where there is no terminal', async () => {
    const file = join(temporaryFolder(), 'hdsync.yaml')
    await expect(init({ config: file })).rejects.toThrow(/there is no terminal to ask them in/)
    expect(existsSync(file)).toBe(false)
  })

  test('finds no place for backups by itself, and says how to name one', async () => {
    const file = join(temporaryFolder(), 'hdsync.yaml')
    const attempt = init({ config: file, yes: true }, 'one-partition')
    await expect(attempt).rejects.toMatchObject({ hint: expect.stringContaining('--target /srv/backup') })
    const stick = init({ config: file, yes: true }, 'usb-stick')
    await expect(stick).rejects.toMatchObject({ hint: expect.stringContaining('/dev/sdc1') })
    await expect(init({ config: file, yes: true, target: '/no/such' })).rejects.toThrow(/There is no folder/)
    expect(existsSync(file)).toBe(false)
  })

  test('marks no disk that holds folders of the names of sources', async () => {
    const folder = temporaryFolder()
    mkdirSync(join(folder, 'backup/root/etc'), { recursive: true })
    const file = join(folder, 'hdsync.yaml')
    const { code, out } = await init({ config: file, target: join(folder, 'backup'), yes: true })
    expect(code).toBe(1)
    expect(out).toContain('is no target yet: it holds ')
    expect(readMarker(join(folder, 'backup'))).toBeUndefined()
  })

  test('says why a disk cannot be mounted, and how to go on', async () => {
    const folder = temporaryFolder()
    const file = join(folder, 'hdsync.yaml')
    const io = printed()
    const adopt = async () => {
      throw new TerminalError('there is no disk with UUID=1', { hint: 'is it plugged in?' })
    }
    const given = { survey: surveyOf('cloud-vm'), runner: runnerOf({}), adopt }
    expect(await initCommand({ config: file, yes: true }, io, given)).toBe(1)
    expect(io.out).toContain(
      '! /mnt/data is no target yet: there is no disk with UUID=1\n  → is it plugged in?\n',
    )
  })

  describe('on a machine with systemd', () => {
    const state = (lines: Record<string, string>) =>
      Object.entries({ LoadState: 'loaded', UnitFileState: 'enabled', ActiveState: 'inactive', ...lines })
        .map((line) => line.join('='))
        .join('\n')

    /** Runs init where the socket stands like this. @returns What it had systemd do, and what it said. */
    async function withSocket(options: InitOptions, socket: string, starts = true) {
      const folder = temporaryFolder()
      mkdirSync(join(folder, 'backup'))
      const done: string[] = []
      const runner = runnerOf({})
      runner.run = async ({ argv: [, verb, ...words] }) => {
        if (verb !== 'show') done.push([verb, ...words].join(' '))
        const active = done.includes('start hdsync.socket') && starts
        const stdout = words[0] === 'hdsync.socket' && !active ? socket : state({ ActiveState: 'active' })
        return { exitCode: 0, stdout, stderr: '', durationMs: 0 }
      }
      const adopt: typeof adoptTarget = (_, target, how) => adoptTarget({ state: folder }, target, how)
      const io = printed()
      const given = { survey: surveyOf('cloud-vm'), runner, adopt, systemd: true }
      const file = join(folder, 'hdsync.yaml')
      const code = await initCommand(
        { config: file, target: join(folder, 'backup'), yes: true, ...options },
        io,
        given,
      )
      return { code, done, out: io.out }
    }

    test('has the socket listen that has been waiting for a config, unless the timer brings it along', async () => {
      const { code, done, out } = await withSocket({ timer: false }, state({}))
      expect([code, done]).toEqual([0, ['start hdsync.socket']])
      expect(out).toContain('✔ hdsync.socket is started: ')
      expect((await withSocket({}, state({}))).done).toEqual(['enable --now hdsync-backup.timer'])
    })

    test.each([
      ['not enabled', { UnitFileState: 'disabled' }],
      ['listening already', { ActiveState: 'active' }],
      ['not installed', { LoadState: 'not-found', UnitFileState: '' }],
    ])('leaves a socket alone that is %s', async (_, lines) => {
      expect((await withSocket({ timer: false }, state(lines))).done).toEqual([])
    })

    test('says nothing of a socket that goes by another config', async () => {
      const { code, out } = await withSocket({ timer: false }, state({}), false)
      expect(code).toBe(0)
      expect(out).not.toContain('hdsync.socket')
    })
  })

  test('prints the proposal as JSON and changes nothing, config or not', async () => {
    const folder = temporaryFolder()
    const file = join(folder, 'hdsync.yaml')
    writeFileSync(file, 'mine')
    const { code, out } = await init({ config: file, json: true }, 'classic')
    expect(code).toBe(0)
    const proposal = JSON.parse(out)
    expect(proposal.sources[2]).toEqual({
      name: 'var',
      at: '/var',
      lv: 'vg01/lv_var',
      type: 'reiserfs',
      disks: ['sda'],
      usedBytes: 9663676416,
      snapshotBytes: 4294967296,
      exclude: ['/tmp/*', '/cache/apt/archives/*.deb', '/lib/hdsync/'],
      warning: null,
    })
    expect(proposal.choices).toEqual({
      sources: ['root', 'boot', 'var', 'home'],
      target: 'hdd1',
      archive: 'hdd1',
    })
    expect(Object.keys(parseConfig(proposal.config, 'x').sources)).toEqual(proposal.choices.sources)
    expect(readdirSync(folder)).toEqual(['hdsync.yaml'])
    expect(JSON.parse((await init({ config: file, json: true }, 'one-partition')).out)).toMatchObject({
      choices: null,
      config: null,
    })
  })
})
