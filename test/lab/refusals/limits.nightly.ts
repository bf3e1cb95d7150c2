import { expect, it } from 'vitest'
import type { RunResult } from '../../../events/index.ts'
import { fingerprint } from '../fingerprint.ts'
import type { Night } from '../night.ts'
import { leftovers } from '../servers.ts'
import { config, docs, nothing, other, told, volume } from './server.ts'

const most = 'rm /srv/docs/[1-8]'
const refill = 'for n in {1..10}; do echo docs > /srv/docs/$n; done'
const mirror = 'cp -a /srv/docs/. /look/hdd1/docs/'

// Rule 3: no sync that deletes more than the source's limit without being told to.
export function deletions(night: Night): void {
  it('until the source is released', async () => {
    const { machine } = night
    await night.configure(config(docs))
    await machine.ok(`${refill}; ${mirror}; ${most}; echo changed > /srv/docs/9`)
    const before = await fingerprint(machine, '/look/hdd1')
    const { code, stdout, stderr } = await night.hdsync('run')
    expect(code).toBe(5)
    expect(stderr).toContain('HELD: would delete 8 files of 11 entries in the mirror, 5 are allowed')
    expect(stdout).toMatch(
      /^docs +held\s[\s\S]*docs: held: would delete 8 files of 11 entries in the mirror, 5 are allowed: nothing was copied\n.*hdsync release docs\nrun \w+ held/m,
    )
    expect(await fingerprint(machine, '/look/hdd1')).toBe(before)

    const shown = JSON.parse(await machine.ok('hdsync show --held docs --json'))
    expect(shown).toMatchObject({ files: 8, folders: 0, names: ['1', '2', '3', '4', '5', '6', '7', '8'] })
    const released = await night.run('release', 'docs')
    expect(released.code).toBe(0)
    expect(released.result).toMatchObject({ state: 'succeeded', sources: [{ filesDeleted: 8 }] })
    expect(await fingerprint(machine, '/look/hdd1/docs')).toBe(await fingerprint(machine, '/srv/docs'))
    expect(await leftovers(machine)).toEqual(nothing)
  })
}

/** Held again and again, allowed, void, and too late to be held before the copy. */
export function deletionsOtherwise(night: Night): void {
  it('the next time as well, until the run is released', async () => {
    const { machine } = night
    await night.configure(config(docs))
    await machine.ok(`${refill}; ${mirror}; ${most}`)
    const held = await night.run()
    expect(held.code).toBe(5)
    expect(held.result.state).toBe('held')
    expect(await machine.ok('ls /look/hdd1/docs | wc -l')).toBe('10')
    const released = await night.run('release', held.result.run)
    expect(released.code).toBe(0)
    expect(await machine.ok('ls /look/hdd1/docs')).toBe('10\n9')
  })

  it('once a sync has succeeded since it was held: nothing is held then', async () => {
    const { machine } = night
    await machine.ok(`${refill}; ${mirror}; ${most}`)
    const held = await night.run()
    expect(held.code).toBe(5)
    await machine.ok(refill)
    const good = await night.run()
    expect(good.code).toBe(0)
    await machine.ok(most)
    const before = await fingerprint(machine, '/look/hdd1')
    for (const id of ['docs', held.result.run]) {
      const { code, stderr } = await night.hdsync('release', id)
      expect([code, stderr]).toEqual([
        2,
        expect.stringContaining(`docs was synced again in run ${good.result.run}`),
      ])
    }
    expect(await fingerprint(machine, '/look/hdd1')).toBe(before)
  })

  it('unless the config allows it', async () => {
    const { machine } = night
    await machine.ok(`${refill}; ${mirror}; ${most}`)
    await night.configure(config(docs.replace(' }', ', maxDelete: 100% }')))
    const { code, result } = await night.run()
    expect(code).toBe(0)
    expect(result).toMatchObject({ state: 'succeeded', sources: [{ filesDeleted: 8 }] })
  })

  it('also when the files go while the copy is beginning', async () => {
    const { machine } = night
    await night.configure(config(docs))
    await machine.ok(`${refill}; hdsync run --quiet; touch /srv/docs/9`)
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

export function elsewhereOtherwise(night: Night): void {
  it('a directory whose disk is not mounted, until it is again, or that is said to be meant', async () => {
    const { machine } = night
    const before = await holdElsewhere(night)
    await machine.ok('mount /dev/vdc /srv/data')
    expect((await night.run()).code).toBe(0)
    const released = await night.hdsync('release', 'data')
    expect([released.code, released.stderr]).toEqual([2, expect.stringContaining('nothing is held')])
    expect(await fingerprint(machine, '/mnt/here/data')).toBe(before)

    // Moved there on purpose.
    await machine.ok('umount /srv/data')
    expect((await night.run()).code).toBe(5)
    expect((await night.run('release', 'data')).code).toBe(0)
    expect((await night.run()).code).toBe(0)
    expect(await machine.ok('cat /mnt/here/data/old')).toBe('old')
    await machine.ok('rm -r /srv/data; mount /dev/vdc /look/spare; rm /look/spare/{1..10}')
  })
}

export function foreignersOtherwise(night: Night): void {
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

  // Of one that is mounted test/lab/stops tells it.
  it('but removes its own of a night that was killed, not yet mounted', async () => {
    const { machine } = night
    await night.configure(config(volume('var')))
    const held = await night.hold('mount', '*hdsync_var*')
    const killed = await machine.start('exec hdsync run')
    await held.reached()
    await killed.kill('SIGKILL')
    await killed.wait()
    await machine.ok('rm /usr/local/sbin/mount; pgrep -f /usr/local/sbin/mount')
    const stale = await leftovers(machine)
    expect(stale.snapshots).toEqual(['vg01/hdsync_var'])
    expect(stale.mounts.some((at) => at.startsWith('/run/hdsync/'))).toBe(false)

    // The mount still hangs there, and is let finish.
    const next = night.run()
    await machine.ok('touch /run/hold-mount/go')
    const { code, result, stderr } = await next
    expect(code).toBe(0)
    expect(result.state).toBe('succeeded')
    expect(stderr).toMatch(/run \w+ was interrupted/)
    expect(await leftovers(machine)).toEqual(nothing)
    expect(await machine.ok('pgrep -f /usr/local/sbin/mount || echo none')).toBe('none')
    const runs = JSON.parse(await machine.ok('hdsync runs --json --limit 2')) as RunResult[]
    expect(runs.map((run) => run.state)).toEqual(['succeeded', 'failed'])
    expect(told(runs[1] as RunResult).var).toContain('interrupted: hdsync')
  })
}

/** Backs up a directory that is a disk, and once more when that is not mounted. @returns What its mirror stays as. */
async function holdElsewhere(night: Night): Promise<string> {
  const { machine } = night
  await night.configure(config('  data: { path: /srv/data, target: here, archive: false }'))
  // What lies beneath is nearly the same: an older state, say.
  const fill = 'for n in {1..10}; do echo data > /srv/data/$n; done'
  await machine.ok(`set -e
    mkdir /srv/data; ${fill}; echo old > /srv/data/old
    umount /look/spare; mount /dev/vdc /srv/data; ${fill}`)
  expect((await night.run()).code).toBe(0)
  const before = await fingerprint(machine, '/mnt/here/data')
  await machine.ok('umount /srv/data')
  const { code, result } = await night.run()
  expect([code, told(result).data]).toEqual([
    5,
    expect.stringMatching(/^held: lies on .*, and lay on UUID=[\da-f-]{36} \(ext4, mounted at \/srv\/data\)/),
  ])
  expect(await fingerprint(machine, '/mnt/here/data')).toBe(before)
  return before
}
