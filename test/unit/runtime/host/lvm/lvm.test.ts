import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { RetryableError, TerminalError } from '../../../../../runtime/errors.ts'
import { CommandError, type CommandRunner } from '../../../../../runtime/host/command/command.ts'
import {
  fullName,
  Lvm,
  lvcreateArgv,
  lvremoveArgv,
  lvremoveProvenArgv,
  lvsArgv,
  parseLvs,
  type Volume,
} from '../../../../../runtime/host/lvm/lvm.ts'
import { lvmManner } from '../../../../../runtime/host/lvm/lvm-manner.ts'
import { temporaryFolder } from '../../../temporary-folder.ts'
import { answeringRunner } from '../lvm-bench.ts'

/** Recorded from LVM 2.03.16: lvsArgv('vg01') on thick and thin snapshots, one of them overflowed. */
const recorded = readFileSync(join(import.meta.dirname, '../recorded/lvs.json'), 'utf8')
const tags = ['hdsync', 'hdsync.run=k3m9pqrstv', 'hdsync.source=var', 'hdsync.store=Ab-c_123']

function volume(lv: string): Volume {
  const found = parseLvs(recorded).find((one) => one.lv === lv)
  if (!found) throw new Error(`there is no ${lv}`)
  return found
}

/** A runner in LVM's place that answers with this and keeps what it was asked. */
function answering(answer: string | Error, asked: string[][] = []): CommandRunner {
  const run: CommandRunner['run'] = async ({ argv }) => {
    asked.push([...argv])
    if (answer instanceof Error) throw answer
    return { exitCode: 0, stdout: answer, stderr: '', durationMs: 1 }
  }
  const open = () => {
    throw new Error('LVM is not talked to')
  }
  return { run, open }
}

function lvmSaid(stderr: string, exitCode = 5): CommandError {
  return new CommandError(`lvs ended with exit code ${exitCode}: ${stderr}`, {
    argv: ['lvs'],
    exitCode,
    signal: undefined,
    stderr,
    timedOut: false,
  })
}

describe('parseLvs()', () => {
  test('reads a thick snapshot', () => {
    expect(volume('hdsync_var')).toEqual({
      vg: 'vg01',
      lv: 'hdsync_var',
      // It was recorded before the id was asked for.
      uuid: '',
      path: '/dev/vg01/hdsync_var',
      sizeBytes: 16_777_216,
      device: '254:9',
      origin: 'lv_var',
      pool: undefined,
      tags,
      layout: 'linear',
      dataPercent: 37.7,
      metadataPercent: undefined,
      invalid: false,
      needsCheck: expect.any(Boolean),
      group: { freeBytes: 599_785_472, extentBytes: 4_194_304 },
    })
  })

  test('reads a thin snapshot', () => {
    expect(volume('hdsync_thin')).toMatchObject({ origin: 'lv_thin', pool: 'pool', dataPercent: 0, tags })
  })

  test('sees that a snapshot has overflowed', () => {
    expect(volume('full')).toMatchObject({ invalid: true, dataPercent: 100, tags: [] })
  })

  test.each(['hdsync_thin', 'lv_var', 'lv_thin', 'lv_off'])(
    'does not take what LVM does not know of %s for an overflow, or for a pool to check',
    (lv) => expect(volume(lv)).toMatchObject({ invalid: false, needsCheck: false }),
  )

  test('reads an inactive volume, which has no device', () => {
    expect(volume('lv_off')).toMatchObject({ device: undefined, origin: undefined, sizeBytes: 33_554_432 })
  })

  test('reads a thin pool, which has no path', () => {
    expect(volume('pool')).toMatchObject({
      path: '/dev/vg01/pool',
      dataPercent: 0,
      metadataPercent: 10.94,
      needsCheck: false,
    })
  })

  test('sees that a thin pool asks for a check', () => {
    const json = recorded.replace('"lv_check_needed": ""', '"lv_check_needed": "check needed"')
    expect(parseLvs(json).find(({ lv }) => lv === 'pool')?.needsCheck).toBe(true)
  })

  test('reads a report without volumes', () => {
    expect(parseLvs('{"report":[{"lv":[]}]}')).toEqual([])
  })

  test.each(['', 'WARNING: x\n{}', '{}', '{"report":[]}', '{"report":[{"lv":[{"lv_name":"x"}]}]}'])(
    'refuses %j, which may be another one next time',
    (json) => expect(() => parseLvs(json)).toThrow(RetryableError),
  )
})

describe('names', () => {
  const bad = [
    '-x',
    '--config=x',
    '.',
    '..',
    'a/b',
    '/dev/sda',
    '',
    'a b',
    'a\n',
    '$(id)',
    'ä',
    'x'.repeat(128),
  ]

  test.each(bad)('%j is refused as a name of a volume or a group', (name) => {
    expect(() => fullName('vg01', name)).toThrow(TerminalError)
    expect(() => fullName(name, 'lv')).toThrow(TerminalError)
    expect(() => lvremoveArgv({ vg: 'vg01', lv: name })).toThrow(TerminalError)
    const snapshot = { vg: 'vg01', origin: 'lv_var', lv: 'x', tags: [], sizeBytes: 1 }
    expect(() => lvcreateArgv({ ...snapshot, lv: name })).toThrow(TerminalError)
    expect(() => lvcreateArgv({ ...snapshot, origin: name })).toThrow(TerminalError)
    expect(() => lvremoveProvenArgv({ ...snapshot, lv: name })).toThrow(TerminalError)
    expect(() => lvremoveProvenArgv({ ...snapshot, origin: name })).toThrow(TerminalError)
  })

  test.each(bad)('%j is not asked for', async (name) => {
    const asked: string[][] = []
    await expect(new Lvm(answering('', asked)).volumes(name)).rejects.toThrow(TerminalError)
    await expect(new Lvm(answering('', asked)).remove({ vg: name, lv: 'x' })).rejects.toThrow(TerminalError)
    expect(asked).toEqual([])
  })

  test.each(['lv_var', 'a', '_x', '+1', 'a.b-c', '.hidden', 'x'.repeat(127)])('%j is taken', (name) => {
    expect(fullName(name, name)).toBe(`${name}/${name}`)
  })

  test.each(['-x', 'a b', '', 'a,b', 'ä', '@x'])('%j is refused as a tag', (tag) => {
    const snapshot = { vg: 'vg01', origin: 'lv_var', lv: 'x', tags: [tag], sizeBytes: 1 }
    expect(() => lvcreateArgv(snapshot)).toThrow(`${JSON.stringify(tag)} is not a tag that LVM takes`)
  })
})

describe('lvremoveProvenArgv()', () => {
  const proven = { vg: 'vg01', lv: 'hdsync_var', origin: 'lv_var', tags: ['hdsync', 'hdsync.run=r1'] }

  test('lets LVM remove only a snapshot of that volume that has all of the tags', () => {
    expect(lvremoveProvenArgv(proven)).toEqual([
      'lvremove',
      '--force',
      '--select',
      'origin="lv_var" && lv_tags={"hdsync" && "hdsync.run=r1"}',
      'vg01/hdsync_var',
    ])
  })

  test('takes no tag that could be more than a tag', () => {
    for (const tag of ['a" || origin=~".', '', 'a b']) {
      expect(() => lvremoveProvenArgv({ ...proven, tags: [tag] })).toThrow(TerminalError)
    }
  })
})

describe('lvcreateArgv()', () => {
  const thick = { vg: 'vg01', origin: 'lv_var', lv: 'hdsync_var', tags, sizeBytes: 16_777_216 }
  const thin = { ...thick, origin: 'lv_thin', lv: 'hdsync_thin', sizeBytes: undefined }

  test('gives a thick snapshot its size and its tags, and leaves it writable', () => {
    const argv = lvcreateArgv(thick)
    expect(argv.slice(0, 4)).toEqual(['lvcreate', '--snapshot', '--size', '16777216b'])
    expect(argv.filter((_, index) => argv[index - 1] === '--addtag')).toEqual(tags)
    expect(argv.slice(-3)).toEqual(['--name', 'hdsync_var', 'vg01/lv_var'])
    expect(argv).not.toContain('--permission')
  })

  test('gives a thin snapshot no size, but activates it', () => {
    expect(lvcreateArgv(thin)).not.toContain('--size')
    expect(lvcreateArgv(thin).join(' ')).toContain('--setactivationskip n --activate y')
  })

  test.skipIf(spawnSync('lvcreate', ['--version']).error)(
    'uses nothing that lvcreate itself refuses (skipped where it is not installed)',
    () => {
      for (const snapshot of [thick, thin]) {
        const [program, ...options] = lvcreateArgv({ ...snapshot, vg: 'hdsync-no-such-group' })
        const env = { ...process.env, LC_ALL: 'C', LVM_SUPPRESS_FD_WARNINGS: '1' }
        const { stderr } = spawnSync(program, ['--test', ...options], { encoding: 'utf8', env })
        expect(stderr).not.toMatch(/unsupported|unrecogni[sz]ed|parsing of command line|invalid option/i)
      }
    },
  )
})

describe('Lvm', () => {
  test('asks for the volumes of a group, or of a tag', async () => {
    const asked: string[][] = []
    const lvm = new Lvm(answering(recorded, asked))
    expect(await lvm.volumes('vg01')).toEqual(parseLvs(recorded))
    await lvm.volumes('@hdsync.store=Ab-c_123')
    expect(asked).toEqual([lvsArgv('vg01'), lvsArgv('@hdsync.store=Ab-c_123')])
  })

  test('tells each command how to speak, whatever lvm.conf says', async () => {
    const { runner } = answeringRunner((_, { manner }) => {
      expect(manner).toBe(lvmManner)
      return recorded
    })
    const lvm = new Lvm(runner)
    await lvm.volumes('vg01')
    await lvm.create({ vg: 'vg01', origin: 'lv_var', lv: 'x', tags, sizeBytes: 16_777_216 })
    await lvm.removeLeft({ vg: 'vg01', lv: 'x', uuid: 'SpAryM-xdWP', tags })
    expect.assertions(3)
  })

  test.skipIf(spawnSync('lvs', ['--version']).error)(
    'speaks as it is told to, under an lvm.conf that changes all that can be changed',
    () => {
      const folder = temporaryFolder()
      writeFileSync(
        join(folder, 'lvm.conf'),
        `report { compact_output=1 list_item_separator=";" binary_values_as_numeric=1 prefixes=1 quoted=0
  columns_as_rows=1 headings=0 separator="|" aligned=0 output_format="basic" }
log { prefix="XX:" command_names=1 silent=1 report_command_log=1 indent=0 }
global { units="h" suffix=1 }
`,
      )
      const env = { ...process.env, LC_ALL: 'C', LVM_SUPPRESS_FD_WARNINGS: '1', LVM_SYSTEM_DIR: folder }
      const [program, ...options] = lvsArgv('hdsync-no-such-group')
      const lvs = (manner: readonly string[]) => {
        const { stdout, stderr } = spawnSync(program, [...manner, ...options], { encoding: 'utf8', env })
        return `${stdout}${stderr}`
      }
      expect(lvs([])).toMatch(/"log": \[$/m)
      expect(lvs(lvmManner)).toMatch(/^ {2}\S/m)
      expect(lvs(lvmManner)).not.toMatch(/^lvs|"log"|Command Log/m)
    },
  )

  test('that has no room for its own lock is not said to have a full backup disk', async () => {
    const failure = lvmSaid(
      "  /run/lock/lvm/V_vg01:aux: open failed: No space left on device\n  Can't get lock for vg01.",
    )
    await expect(new Lvm(answering(failure)).volumes('vg01')).rejects.toMatchObject({
      name: 'RetryableError',
      message: 'LVM cannot take its lock: the file system of /run/lock/lvm is full',
      hint: expect.stringContaining('df -h /run/lock/lvm'),
    })
  })

  test('finds one volume, and says how to look when it is not there', async () => {
    const lvm = new Lvm(answering(recorded))
    expect((await lvm.volume('vg01', 'lv_var')).device).toBe('254:0')
    await expect(lvm.volume('vg01', 'lv_no')).rejects.toThrow('there is no logical volume vg01/lv_no')
  })

  test.each([
    ['  Volume group "vg09" not found\n  Cannot process volume group vg09', 'there is no volume group vg09'],
    ['  /run/lock/lvm/V_vg01:aux: open failed: Permission denied', 'LVM can be used by root alone'],
    ['  WARNING: Running as a non-root user. You need to be root: not root', 'LVM can be used by root alone'],
  ])('that says %j fails for good', async (stderr, message) => {
    const failure = await new Lvm(answering(lvmSaid(stderr))).volumes('vg09').catch((error: unknown) => error)
    expect(failure).toBeInstanceOf(TerminalError)
    expect((failure as Error).message).toBe(message)
  })

  test.each([
    '  Volume group "vg01" has insufficient free space (3 extents): 4 required.',
    '  Insufficient free space: 4 extents needed, but only 3 available',
    '  Insufficient suitable allocatable extents for logical volume snap: 4 more required',
  ])('that has no room (%j) fails for good', async (stderr) => {
    const snapshot = { vg: 'vg01', origin: 'lv_var', lv: 'x', tags, sizeBytes: 16_777_216 }
    const failure = await new Lvm(answering(lvmSaid(stderr)))
      .create(snapshot)
      .catch((error: unknown) => error)
    expect(failure).toBeInstanceOf(TerminalError)
    expect((failure as Error).message).toMatch(/^no room for a snapshot of vg01\/lv_var/)
  })

  test('that does not know what it is asked for fails for good', async () => {
    const failure = lvmSaid('  Option --setautoactivation is unsupported with snapshots.', 3)
    await expect(new Lvm(answering(failure)).volumes('vg01')).rejects.toThrow(TerminalError)
  })

  test('that fails otherwise may be asked again', async () => {
    const failure = lvmSaid('  Failed to suspend logical volume vg01/lv_var.')
    await expect(new Lvm(answering(failure)).remove({ vg: 'vg01', lv: 'x' })).rejects.toBe(failure)
  })

  test('runs one command at a time in a group', async () => {
    let running = 0
    let most = 0
    const run: CommandRunner['run'] = async () => {
      running += 1
      most = Math.max(most, running)
      await Promise.resolve()
      running -= 1
      return { exitCode: 0, stdout: recorded, stderr: '', durationMs: 1 }
    }
    const lvm = new Lvm({ ...answering(''), run })
    await Promise.all([lvm.volumes('vg01'), lvm.remove({ vg: 'vg01', lv: 'x' }), lvm.volumes('vg01')])
    expect(most).toBe(1)
  })
})
