import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import type { RunResult } from '../../events/index.ts'
import { fingerprint } from './fingerprint.ts'
import { describeNight, type Night, type Setting } from './night.ts'
import { type Leftovers, leftovers } from './servers.ts'

// Each rule of "What must never happen" in the design has a test here that fails without its protection;
// the sixth, crashes, has test files of its own.

const disks = ['hdd1', 'spare', 'tiny', 'hdd9', 'attic', 'blank']

/** @param targets Further ones. */
function config(sources: string, { targets = '', rest = '' } = {}): string {
  return `
sources:
${sources}
targets:
  hdd1: { path: /mnt/hdd1, mounts: [{ device: /dev/ubdb, at: /mnt/hdd1 }] }
  here: { path: /mnt/here }
${targets}
${rest}
`
}

const other = '  other: { path: /srv/other, target: here, archive: false }'
const docs = '  docs: { path: /srv/docs, target: hdd1 }'
const volume = (name: string, options = '') =>
  `  ${name}: { lv: vg01/lv_${name}, target: hdd1, ${options} mount: { backoff: 10ms..20ms } }`
const volumes = ['var', 'home', 'mail'].map((name) => volume(name)).join('\n')

/** Three small volumes, two directories, and a box of old disks, each of which can be seen below /look. */
const server: Setting = {
  server: {
    volumes: ['var', 'home', 'mail'].map((name) => ({
      name: `lv_${name}`,
      fs: 'ext4',
      size: '16M',
      at: `/srv/${name}`,
    })),
  },
  group: 132,
  disks: [48, 16, 8, 24, 8, 8],
  prepare: `
    mkdir -p /mnt/hdd1 /mnt/here /srv/docs /srv/other
    for folder in /srv/{var,home,mail,docs}; do for n in {1..10}; do echo $folder > $folder/$n; done; done
    echo other > /srv/other/file
    device=b
    for disk in ${disks.join(' ')}; do
      mke2fs -q -t ext4 /dev/ubd$device; mkdir -p /look/$disk; mount /dev/ubd$device /look/$disk
      device=$(tr b-f c-g <<< $device)
    done
    hdsync target adopt hdd1; hdsync target adopt here; hdsync run --quiet`,
  config: config([volumes, docs, other].join('\n')),
}

const nothing: Leftovers = { snapshots: [], mounts: [] }

describeNight('hdsync refuses', server, (night) => {
  describe('a target that is not proven', () => unprovenTargets(night))
  describe('a source that is not proven', () => unprovenSources(night))
  describe('to delete too much', () => deletions(night))
  describe('to take what is not its own', () => foreigners(night))
  describe('to call good what is not', () => failures(night))
  describe('to be two, or what somebody else wrote', () => strangers(night))
})

// Rule 2: no write to a target that is not proven. Rule 4: no umount of what we did not mount.
function unprovenTargets(night: Night): void {
  const on = (device: string, at: string) => `{ path: ${at}, mounts: [{ device: ${device}, at: ${at} }] }`
  const wrong: Record<string, { target: string; says: string }> = {
    gone: { target: on('/dev/sdz1', '/mnt/gone'), says: 'the disk /dev/sdz1 is not there' },
    unplugged: {
      target: on('UUID=0e3c0000-0000-4000-8000-000000000000', '/mnt/unplugged'),
      says: 'there is no disk with UUID=0e3c0000-0000-4000-8000-000000000000',
    },
    nowhere: {
      target: on('/dev/ubdb', '/mnt/nowhere'),
      says: 'target nowhere: cannot mount at /mnt/nowhere: it does not exist (mkdir -p /mnt/nowhere)',
    },
    swapped: {
      target: on('/dev/ubdb', '/mnt/swapped'),
      says: 'target swapped: /mnt/swapped holds /dev/ubdc (98:32), not /dev/ubdb (98:16)',
    },
    strange: {
      target: on('/dev/ubdc', '/mnt/strange'),
      says: 'target strange: the disk at /mnt/strange was adopted as target spare',
    },
    unmarked: {
      target: on('/dev/ubdg', '/mnt/unmarked'),
      says: 'target unmarked: /mnt/unmarked has no marker file .hdsync-target',
    },
    readonly: {
      target: on('/dev/ubdb', '/mnt/readonly'),
      says: 'target readonly: /mnt/readonly is mounted read-only',
    },
    unarchived: { target: '{ path: /mnt/unarchived }', says: 'the disk /dev/sdy1 is not there' },
  }
  const names = Object.keys(wrong)
  let code: number
  let result: RunResult
  let stderr: string
  let before: string
  let after: string
  let left: Leftovers

  beforeAll(async () => {
    const { machine } = night
    await machine.ok(`set -e
      for name in ${names.join(' ')}; do
        [ $name = nowhere ] || mkdir -p /mnt/$name
        mkdir -p /srv/$name; echo new > /srv/$name/new
      done
      # What a sync to the wrong disk would wipe.
      for disk in hdd1 spare blank; do
        for name in ${names.join(' ')}; do mkdir -p /look/$disk/$name; echo old > /look/$disk/$name/old; done
      done`)
    await night.configure(config(docs, { targets: '  spare: { path: /look/spare }' }))
    await machine.ok('hdsync target adopt spare')
    const sources = names.map(
      (name) => `  ${name}: { path: /srv/${name}, target: ${name}, archive: ${name === 'unarchived'} }`,
    )
    const targets = Object.entries({ ...wrong, attic: { target: on('/dev/sdy1', '/mnt/attic') } })
    await night.configure(
      config([...sources, other].join('\n'), {
        targets: targets.map(([name, { target }]) => `  ${name}: ${target}`).join('\n'),
        rest: 'archive: { target: attic }',
      }),
    )
    await machine.ok(`set -e
      echo '{"id":"x","target":"unarchived","adoptedAt":"2002-02-02T02:02:02.000Z"}' > /mnt/unarchived/.hdsync-target
      mount /dev/ubdc /mnt/swapped
      mount /dev/ubdb /mnt/readonly; mount -o remount,bind,ro /mnt/readonly
      echo newer > /srv/other/file`)
    before = await fingerprint(machine, '/look')
    ;({ code, result, stderr } = await night.run())
    left = await leftovers(machine)
    await machine.run('umount /mnt/swapped /mnt/readonly')
    after = await fingerprint(machine, '/look')
  })

  it.each(Object.entries(wrong))('%s: its sources fail, and the reason is told', (name, { says }) => {
    expect(told(result)[name]).toContain(`failed: target.open: ${says}`)
    expect(stderr).toMatch(new RegExp(`${name} +FAILED at target.open: `))
  })

  it('and goes on with the others', async () => {
    expect(code).toBe(1)
    expect(told(result).other).toBe('succeeded')
    expect(await night.machine.ok('cat /mnt/here/other/file')).toBe('newer')
  })

  it('and writes to none of the disks, nor to the folders where they should be', async () => {
    expect(after).toBe(before)
    const found = await night.machine.ok('find /mnt -path /mnt/here -prune -o ! -type d -print')
    expect(found).toBe('/mnt/unarchived/.hdsync-target')
  })

  it('and leaves mounted what was mounted before', () => {
    expect(left).toEqual({ snapshots: [], mounts: ['/mnt/readonly', '/mnt/swapped'] })
  })

  it('even if it was proven when the night began', async () => {
    const { machine } = night
    await night.configure(config([volume('var'), other].join('\n')))
    await machine.ok('rm /srv/var/1')
    const lvcreate = await night.hold('lvcreate')
    const running = night.run()
    await lvcreate.reached()
    await machine.ok('umount /mnt/hdd1')
    await lvcreate.go()
    expect((await running).code).toBe(1)
    expect(told((await running).result)).toEqual({
      var: 'failed: sync.run: target hdd1: nothing is mounted at /mnt/hdd1 (expected /dev/ubdb)',
      other: 'succeeded',
    })
    expect(await machine.ok('ls -A /mnt/hdd1; ls /look/hdd1/var/1')).toBe('/look/hdd1/var/1')
    expect(await leftovers(machine)).toEqual(nothing)
  })
}

// Rule 1: no sync with --delete from a source that is not proven.
function unprovenSources(night: Night): void {
  it('when it is empty and its mirror is not, or when it does not exist', async () => {
    const { machine } = night
    const nope = '  nope: { path: /srv/nope, target: hdd1 }'
    await night.configure(config([volume('home'), docs, nope, other].join('\n')))
    await machine.ok(`mkdir /srv/aside /srv/aside/home /look/hdd1/nope; echo old > /look/hdd1/nope/old
      mv /srv/home/[0-9]* /srv/aside/home/; mv /srv/docs /srv/aside/; mkdir /srv/docs`)
    const before = await fingerprint(machine, '/look/hdd1')
    const { code, result } = await night.run()
    expect(code).toBe(1)
    expect(told(result)).toEqual({
      home: expect.stringContaining(
        'failed: sync.run: home is empty but its mirror /mnt/hdd1/home is not: not synced',
      ),
      docs: expect.stringContaining(
        'failed: sync.run: docs is empty but its mirror /mnt/hdd1/docs is not: not synced',
      ),
      nope: 'failed: sync.run: cannot read /srv/nope: it does not exist',
      other: 'succeeded',
    })
    expect(await fingerprint(machine, '/look/hdd1')).toBe(before)
    expect(await leftovers(machine)).toEqual(nothing)
    await machine.ok('rmdir /srv/docs; mv /srv/aside/docs /srv/; mv /srv/aside/home/* /srv/home/')
  })

  it('when its snapshot is not mounted after all, is another one, or has lost its mark', async () => {
    const { machine } = night
    await night.configure(config([volumes, other].join('\n')))
    const before = await fingerprint(machine, '/look/hdd1')
    const restore = await replace(
      night,
      'mount',
      `case "$*" in
        # As when dmeventd has unmounted it in the meantime.
        */hdsync_var*) exit 0 ;;
        */hdsync_home*) exec /usr/bin/mount --bind /srv/mail "\${@: -1}" ;;
        */hdsync_mail*) lvchange -q $(lvs --noheadings -o lv_tags vg01/hdsync_mail | tr -d ' ' |
          tr , '\\n' | sed -n 's/^hdsync.run/--deltag &/p') vg01/hdsync_mail ;;
      esac
      exec /usr/bin/mount "$@"`,
    )
    const { code, result } = await night.run()
    await restore()
    expect(code).toBe(1)
    expect(told(result)).toEqual({
      var: expect.stringMatching(/failed: sync.run: nothing is mounted at \S+-var: not synced/),
      home: expect.stringMatching(
        /failed: sync.run: \S+-home shows device 254:\d+, not the snapshot vg01\/hdsync_home \(254:\d+\)/,
      ),
      mail: 'failed: sync.run: the snapshot of vg01/lv_mail is gone',
      other: 'succeeded',
    })
    expect(await fingerprint(machine, '/look/hdd1')).toBe(before)
    expect(await leftovers(machine)).toEqual(nothing)
  })

  it('when it is btrfs, whose snapshots would have the UUID of the live volume', async () => {
    const { machine } = night
    await machine.ok(
      `lvcreate -q -y -Wn -L 4M -n lv_btrfs vg01 >/dev/null; ${btrfsSuperblock('/dev/vg01/lv_btrfs')}`,
    )
    await night.configure(config([volume('btrfs'), other].join('\n')))
    const { code, result } = await night.run()
    expect(code).toBe(1)
    expect(told(result)).toEqual({
      btrfs: expect.stringContaining(
        'failed: snapshot.mount: a block-level snapshot of btrfs has the UUID of its origin and may corrupt it',
      ),
      other: 'succeeded',
    })
    expect(await leftovers(machine)).toEqual(nothing)
    await machine.ok('lvremove -q -f vg01/lv_btrfs')
  })
}

// Rule 3: no sync that deletes more than the source's limit without being told to.
function deletions(night: Night): void {
  const most = 'rm /srv/docs/[1-8]'
  const refill = 'for n in {1..10}; do echo docs > /srv/docs/$n; done'

  it('until the source is released', async () => {
    const { machine } = night
    await night.configure(config(docs))
    await machine.ok(`${most}; echo changed > /srv/docs/9`)
    const before = await fingerprint(machine, '/look/hdd1')
    const { code, stdout, stderr } = await night.hdsync('run')
    expect(code).toBe(5)
    expect(stderr).toContain('HELD: would delete 8 of 11 files, 5 are allowed')
    expect(stdout).toMatch(
      /^docs +held [\s\S]*docs: held: would delete 8 of 11 files in the mirror, 5 are allowed: nothing was copied\n.*hdsync release docs\nrun \w+ held/m,
    )
    expect(await fingerprint(machine, '/look/hdd1')).toBe(before)

    const released = await night.run('release', 'docs')
    expect(released.code).toBe(0)
    expect(released.result).toMatchObject({ state: 'succeeded', sources: [{ filesDeleted: 8 }] })
    expect(await fingerprint(machine, '/look/hdd1/docs')).toBe(await fingerprint(machine, '/srv/docs'))
    expect(await leftovers(machine)).toEqual(nothing)
  })

  it('the next time as well, until the run is released', async () => {
    const { machine } = night
    await machine.ok(`${refill}; hdsync run --quiet; ${most}`)
    const held = await night.run()
    expect(held.code).toBe(5)
    expect(held.result.state).toBe('held')
    expect(await machine.ok('ls /look/hdd1/docs | wc -l')).toBe('10')
    const released = await night.run('release', held.result.run)
    expect(released.code).toBe(0)
    expect(await machine.ok('ls /look/hdd1/docs')).toBe('10\n9')
  })

  it('unless the config allows it', async () => {
    const { machine } = night
    await machine.ok(`${refill}; hdsync run --quiet; ${most}`)
    await night.configure(config(docs.replace(' }', ', maxDelete: 100% }')))
    const { code, result } = await night.run()
    expect(code).toBe(0)
    expect(result).toMatchObject({ state: 'succeeded', sources: [{ filesDeleted: 8 }] })
  })

  it('also when the files go while the copy is beginning', async () => {
    const { machine } = night
    await night.configure(config(docs))
    await machine.ok(`${refill}; hdsync run --quiet`)
    const rsync = await night.hold('rsync', '*--max-delete=*')
    const running = night.run()
    await rsync.reached()
    await machine.ok(most)
    await rsync.go()
    expect((await running).code).toBe(5)
    expect(Number(await machine.ok('ls /look/hdd1/docs | wc -l'))).toBe(5)
    expect(told((await running).result).docs).not.toContain('nothing was copied')
    expect((await night.run('release', 'docs')).code).toBe(0)
    await machine.ok(refill)
  })
}

// Rule 4: no lvremove of anything that has no origin or lacks our tag.
function foreigners(night: Night): void {
  const names = 'lvs --noheadings -o lv_name,lv_tags vg01 | sort'

  it('room that the volume group does not have, and somebody else has', async () => {
    const { machine } = night
    const free = 'vgs --noheadings -o vg_free_count vg01'
    await machine.ok(`set -e
      lvcreate -q -y -Wn -l $(($(${free}) - 6)) -n filler vg01 >/dev/null
      lvcreate -q -s -l 4 --addtag theirs -n nightly vg01/lv_mail >/dev/null`)
    const before = await machine.ok(names)
    await night.configure(
      config([volume('var', 'snapshot: { size: 16M },'), volume('home'), other].join('\n')),
    )
    const scarce = await night.run()
    expect(scarce.code).toBe(1)
    expect(told(scarce.result)).toEqual({
      var: expect.stringContaining(
        'failed: snapshot.create: too little room for a snapshot: 16 MiB wanted, 8 MiB free in the volume group',
      ),
      // `auto` makes do with what there is.
      home: 'succeeded',
      other: 'succeeded',
    })
    expect(await machine.ok(names)).toBe(before)

    await machine.ok('lvcreate -q -s -l 2 --addtag theirs -n hourly vg01/lv_var >/dev/null')
    await night.configure(config([volume('home'), other].join('\n')))
    const full = await night.run()
    expect(full.code).toBe(1)
    expect(told(full.result)).toEqual({
      home: expect.stringMatching(
        /failed: snapshot.create: too little room for a snapshot: .* wanted, 0 B free/,
      ),
      other: 'succeeded',
    })
    expect(await leftovers(machine)).toEqual({ snapshots: ['vg01/hourly', 'vg01/nightly'], mounts: [] })
    await machine.ok('lvremove -q -f vg01/filler vg01/hourly vg01/nightly')
  })

  it('a volume that has the name of its snapshot, whatever its tags say', async () => {
    const { machine } = night
    const tags = (store: string, source: string) =>
      ['hdsync', `hdsync.store=${store}`, `hdsync.source=${source}`, 'hdsync.run=r1']
        .map((tag) => `--addtag ${tag}`)
        .join(' ')
    await machine.ok(`set -e
      store=$(ls -t /run/hdsync | grep -v adopt | head -1)
      lvcreate -q -y -Wn -L 4M -n hdsync_var vg01 >/dev/null
      lvcreate -q -s -L 4M ${tags('other', 'home')} -n hdsync_home vg01/lv_mail >/dev/null
      # What an lvcreate leaves that is cut off before it makes it a snapshot; or something quite different.
      lvcreate -q -y -Wn -L 4M ${tags('$store', 'mail')} -n hdsync_mail vg01 >/dev/null
      echo precious | tee /dev/vg01/hdsync_var > /dev/vg01/hdsync_mail`)
    const before = await machine.ok(names)
    await night.configure(config(volumes))
    const { code, result } = await night.run()
    const after = await machine.ok(names)
    const kept = await machine.ok('head -qn 1 /dev/vg01/hdsync_var /dev/vg01/hdsync_mail')
    const left = await leftovers(machine)
    await machine.ok('lvremove -q -f vg01/hdsync_var vg01/hdsync_home vg01/hdsync_mail')

    expect(before).toMatch(/hdsync_mail +hdsync,hdsync.run=r1,hdsync.source=mail,hdsync.store=[\w-]{8}$/m)
    expect(code).toBe(1)
    const alone = (name: string) =>
      expect.stringContaining(
        `failed: snapshot.create: vg01/hdsync_${name} is not a snapshot of this hdsync, and is left alone`,
      )
    // The last one is not in the way: the snapshot gets another name.
    expect(told(result)).toEqual({ var: alone('var'), home: alone('home'), mail: 'succeeded' })
    expect(after).toBe(before)
    expect(kept).toBe('precious\nprecious')
    expect(left).toEqual({ snapshots: ['vg01/hdsync_home'], mounts: [] })
  })

  it.each([
    ['mounted', 'rsync', '*'],
    ['not yet mounted', 'mount', '*hdsync_var*'],
  ])('but removes its own of a night that was killed, %s', async (state, program, pattern) => {
    const { machine } = night
    await night.configure(config(volume('var')))
    const held = await night.hold(program, pattern)
    const killed = await machine.start('exec hdsync run')
    await held.reached()
    await killed.kill('SIGKILL')
    await killed.wait()
    await machine.ok(`rm /usr/local/sbin/${program}; pgrep -f /usr/local/sbin/${program}`)
    const stale = await leftovers(machine)
    expect(stale.snapshots).toEqual(['vg01/hdsync_var'])
    expect(stale.mounts.some((at) => at.startsWith('/run/hdsync/'))).toBe(state === 'mounted')

    // What it had started still hangs there: a rsync is ended, a mount let finish.
    const next = night.run()
    if (program === 'mount') await machine.ok('touch /run/hold-mount/go')
    const { code, result, stderr } = await next
    expect(code).toBe(0)
    expect(result.state).toBe('succeeded')
    expect(stderr).toMatch(/run \w+ was interrupted/)
    expect(await leftovers(machine)).toEqual(nothing)
    expect(await machine.ok(`pgrep -f /usr/local/sbin/${program} || echo none`)).toBe('none')
    const runs = JSON.parse(await machine.ok('hdsync runs --json --limit 2')) as RunResult[]
    expect(runs.map((run) => run.state)).toEqual(['succeeded', 'failed'])
    expect(told(runs[1] as RunResult).var).toContain('interrupted: hdsync')
  })
}

// Rule 5: no success for a rsync that ended 23, or an archive that is not verified.
function failures(night: Night): void {
  const on = (device: string, at: string) => `{ path: ${at}, mounts: [{ device: ${device}, at: ${at} }] }`
  const targets = `
  tiny: ${on('/dev/ubdd', '/mnt/tiny')}
  hdd9: ${on('/dev/ubde', '/mnt/hdd9')}
  attic: ${on('/dev/ubdf', '/mnt/attic')}`
  const archives = 'cd /look && find hdd9/*day attic/*day -type f 2>/dev/null | sort | xargs -r sha256sum'

  beforeAll(async () => {
    await night.machine.ok('mkdir -p /mnt/tiny /mnt/hdd9 /mnt/attic /srv/large /srv/fixed/folder')
    await night.configure(config(docs, { targets }))
    await night.machine.ok(`set -e; for name in tiny hdd9 attic; do hdsync target adopt $name; done
      echo first > /srv/large/file; echo first > /srv/fixed/folder/file`)
  })

  it('a mirror that could not be written, and makes no archive of it', async () => {
    const { machine } = night
    const large = '  large: { path: /srv/large, target: tiny }'
    const fixed = '  fixed: { path: /srv/fixed, target: hdd1 }'
    const setting = { targets, rest: 'archive: { target: hdd9 }' }
    await night.configure(config([large, fixed, other].join('\n'), setting))
    expect((await night.run()).code).toBe(0)
    const before = await machine.ok(archives)
    expect(before.split('\n')).toHaveLength(2)

    await machine.ok(`head -c 12M /dev/urandom > /srv/large/random
      echo new > /srv/fixed/folder/new; chattr +i /look/hdd1/fixed/folder`)
    const { code, result, stderr } = await night.run()
    await machine.ok('chattr -i /look/hdd1/fixed/folder; rm /srv/large/random')
    expect(code).toBe(1)
    expect(told(result)).toEqual({
      large: expect.stringMatching(
        /^failed: sync.run: rsync: error in file I\/O \(No space left on the target\): .*"\/mnt\/tiny\/large\/random"/,
      ),
      fixed: expect.stringMatching(
        /^failed: sync.run: rsync could not copy everything: .*"\/mnt\/hdd1\/fixed\/folder.*: Operation not permitted/,
      ),
      other: 'succeeded',
    })
    expect(stderr).toMatch(/large +FAILED at sync.run: .*No space left on device/)
    expect(await machine.ok(archives)).toBe(before)
    expect(await leftovers(machine)).toEqual(nothing)
  })

  it('an archive that did not fit, and keeps that of last week', async () => {
    const { machine } = night
    const setting = { targets, rest: 'archive: { target: attic }' }
    await night.configure(config('  large: { path: /srv/large, target: hdd1 }', setting))
    const first = await night.run()
    expect(first.code).toBe(0)
    const archive = first.result.sources[0]?.archive?.replace('/mnt', '/look')
    const before = await machine.ok(archives)

    await machine.ok('head -c 12M /dev/urandom > /srv/large/random')
    const { code, result } = await night.run()
    expect(code).toBe(1)
    expect(told(result).large).toMatch(/^failed: archive.weekly: .*no space left on device/i)
    expect(await machine.ok(archives)).toBe(before)
    expect(await machine.ok(`tar -tf ${archive}; ls -A $(dirname ${archive})`)).toBe(
      'large/\nlarge/file\nlarge.tar.zst',
    )
    expect(await fingerprint(machine, '/look/hdd1/large')).toBe(await fingerprint(machine, '/srv/large'))
    expect(await leftovers(machine)).toEqual(nothing)
    await machine.ok('rm /srv/large/random')
  })

  it('an archive that does not read back as it was written', async () => {
    const { machine } = night
    const before = await machine.ok(archives)
    await machine.ok('echo second > /srv/large/file')
    const restore = await replace(
      night,
      'zstd',
      '/usr/bin/zstd "$@"; status=$?; case "$*" in *--decompress*) echo rot ;; esac; exit $status',
    )
    const { code, result } = await night.run()
    await restore()
    expect(code).toBe(1)
    expect(told(result).large).toMatch(
      /^failed: archive.weekly: the archive \S+ does not read back as it was written/,
    )
    expect(await machine.ok(archives)).toBe(before)
    expect(await machine.ok('find /look/attic -name "*hdsync-part"')).toBe('')
  })

  it('a night without rsync, and tells what to install', async () => {
    const { machine } = night
    await night.configure(config([volume('var'), other].join('\n')))
    await machine.ok('mv /usr/bin/rsync /usr/bin/rsync.away')
    const { code, result } = await night.run()
    await machine.ok('mv /usr/bin/rsync.away /usr/bin/rsync')
    expect(code).toBe(1)
    const missing = 'failed: sync.run: rsync is not installed (apt-get install rsync)'
    expect(told(result)).toEqual({ var: missing, other: missing })
    expect(await leftovers(machine)).toEqual(nothing)
  })
}

function strangers(night: Night): void {
  it('while another one is at work', async () => {
    await night.configure(config(docs))
    const rsync = await night.hold('rsync')
    const first = night.run()
    await rsync.reached()
    const { code, stdout, stderr } = await night.hdsync('run')
    await rsync.go()
    expect(code).toBe(4)
    expect(stdout).toBe('')
    expect(stderr).toMatch(
      /another hdsync \(process \d+\) is at work on \/var\/lib\/hdsync: nothing was started/,
    )
    expect((await first).code).toBe(0)
    expect(told((await first).result)).toEqual({ docs: 'succeeded' })
  })

  it('functions that others could have written, and runs those of root', async () => {
    const { machine } = night
    const file = '/etc/hdsync/functions/tell.ts'
    writeFileSync(
      join(machine.dir, 'tell.ts'),
      `import { writeFileSync } from 'node:fs'
      import { runSucceeded } from '/opt/hdsync/events/index.ts'
      import { defineFunction } from '/opt/hdsync/runtime/function.ts'

      export default defineFunction({
        on: runSucceeded,
        emits: [],
        run({ data }): void {
          writeFileSync('/run/told', \`\${data.run} \${data.state}\`)
        },
      })`,
    )
    await machine.ok(`install -D -m 666 /run/lab/tell.ts ${file}`)
    const refused = await night.hdsync('run')
    expect(refused.code).toBe(2)
    expect(refused.stdout).toBe('')
    expect(refused.stderr).toContain(`${file}: expected a file that only root can write, found mode 0666`)
    expect(refused.stderr).toContain(`chmod go-w ${file}`)

    await machine.ok(`chmod 644 ${file}`)
    const { code, result } = await night.run()
    expect(code).toBe(0)
    expect(await machine.ok('cat /run/told')).toBe(`${result.run} succeeded`)
    await machine.ok(`rm ${file}`)
  })

  it('to let a hook change how the night went', async () => {
    const { machine } = night
    const hook = '/usr/local/bin/page-me'
    await machine.ok(
      `printf '#!/bin/sh\\nenv > /run/hook.env; cat > /run/hook.in\\n' > ${hook}; chmod 755 ${hook}`,
    )
    const notify = `notify:
  - { exec: [${hook}] }
  - { exec: [/bin/false] }
  - { exec: [/bin/sleep, '1000'], timeout: 1s }
  - { exec: [/nowhere/at/all] }`
    await night.configure(config(docs, { rest: notify }))
    const { code, result } = await night.run()
    expect(code).toBe(0)
    expect(result.state).toBe('succeeded')
    const event = JSON.parse(await machine.ok('cat /run/hook.in'))
    expect(event).toMatchObject({
      specversion: '1.0',
      type: 'run.succeeded',
      runid: result.run,
      data: result,
    })
    expect((await machine.ok('grep ^HDSYNC_ /run/hook.env')).split('\n')).toEqual(
      expect.arrayContaining([
        'HDSYNC_EVENT=run.succeeded',
        `HDSYNC_EVENT_ID=${event.id}`,
        `HDSYNC_RUN=${result.run}`,
        'HDSYNC_SOURCE=',
        'HDSYNC_STATE=succeeded',
        `HDSYNC_TIME=${event.time}`,
      ]),
    )
    expect(await machine.ok('hdsync show')).toMatch(/sleep.*took longer than 1 s|sleep took longer/)
  })

  // Rule 7: no shell ever sees a word of the config.
  it('to read names as commands', async () => {
    const { machine } = night
    const evil = '/srv/$(touch pwned); touch pwned #`touch pwned`'
    await machine.ok(`mkdir '${evil}'; echo kept > '${evil}/file'`)
    await night.configure(
      config(`  odd: { path: '${evil}', target: hdd1, exclude: ['$(touch pwned)', '; touch pwned'] }`, {
        rest: `notify: [{ exec: [/usr/bin/touch, '/run/$(touch pwned)'] }]`,
      }),
    )
    expect((await night.run()).code).toBe(0)
    expect(
      await machine.ok(
        "cat /look/hdd1/odd/file; ls '/run/$(touch pwned)'; find / /root /run /srv /tmp /var/lib/hdsync -maxdepth 2 -name pwned",
      ),
    ).toBe('kept\n/run/$(touch pwned)')
    for (const sources of [
      '  "a;touch pwned": { path: /srv/docs, target: hdd1 }',
      '  var: { lv: vg01/-lv_var, target: hdd1 }',
      '  var: { lv: "vg01/lv_var;touch pwned", target: hdd1 }',
    ]) {
      await night.configure(config(sources))
      expect((await night.hdsync('run')).code).toBe(2)
    }
  })
}

/** The state of each source, with the reason where there is one. */
function told({ sources }: RunResult): Record<string, string> {
  return Object.fromEntries(
    sources.map(({ source, state, error }) => [source, error ? `${state}: ${error}` : state]),
  )
}

/** A script that writes what blkid knows btrfs by: mkfs.btrfs is not part of the lab. */
function btrfsSuperblock(device: string): string {
  return String.raw`perl -e '
    my $s = "\0" x 4096;
    substr($s, 0x20, 48) = "btrfs-test-uuid!" . pack("Q<Q<", 65536, 1) . "_BHRfS_M" . pack("Q<", 1);
    substr($s, 0x70, 36) = pack "Q<Q<Q<Q<L<", 4 << 20, 131072, 6, 1, 4096;
    substr($s, 0x94, 4) = pack "L<", 4096;
    my $crc = 0xffffffff;
    for (unpack "C*", substr $s, 32) { $crc ^= $_; $crc = $crc & 1 ? ($crc >> 1) ^ 0x82f63b78 : $crc >> 1 for 1 .. 8 }
    print pack("L<", $crc ^ 0xffffffff), substr $s, 4' | dd of=${device} bs=64K seek=1 conv=notrunc status=none`
}

/** From now on a program is this script, until what is returned is called. */
async function replace({ machine }: Night, program: string, script: string): Promise<() => Promise<void>> {
  const file = `/usr/local/sbin/${program}`
  const given = `${program}-${Date.now()}`
  writeFileSync(join(machine.dir, given), `#!/bin/bash\n${script}\n`)
  await machine.ok(`install -m 755 /run/lab/${given} ${file}`)
  return async () => {
    await machine.ok(`rm ${file}`)
  }
}
