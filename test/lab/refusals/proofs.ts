import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { RunResult } from '../../../events/index.ts'
import { fingerprint } from '../fingerprint.ts'
import type { Night } from '../night.ts'
import { type Leftovers, leftovers } from '../servers.ts'
import { btrfsSuperblock, config, docs, nothing, other, replace, told, volume, volumes } from './server.ts'

export function unprovenTargets(night: Night): void {
  const on = (device: string, at: string) => `{ path: ${at}, mounts: [{ device: ${device}, at: ${at} }] }`
  const wrong: Record<string, { target: string; says: string }> = {
    gone: { target: on('/dev/sdz1', '/mnt/gone'), says: 'the disk /dev/sdz1 is not there' },
    unplugged: {
      target: on('UUID=0e3c0000-0000-4000-8000-000000000000', '/mnt/unplugged'),
      says: 'there is no disk with UUID=0e3c0000-0000-4000-8000-000000000000',
    },
    nowhere: {
      target: on('/dev/vdb', '/mnt/nowhere'),
      says: 'target nowhere: cannot mount at /mnt/nowhere: it does not exist (mkdir -p /mnt/nowhere)',
    },
    swapped: {
      target: on('/dev/vdb', '/mnt/swapped'),
      says: 'target swapped: /mnt/swapped holds /dev/vdc (N:32), not /dev/vdb (N:16)',
    },
    strange: {
      target: on('/dev/vdc', '/mnt/strange'),
      says: 'target strange: the disk at /mnt/strange was adopted as target spare',
    },
    unmarked: {
      target: on('/dev/vdg', '/mnt/unmarked'),
      says: 'target unmarked: /mnt/unmarked has no marker file .hdsync-target',
    },
    readonly: {
      target: on('/dev/vdb', '/mnt/readonly'),
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
      mount /dev/vdc /mnt/swapped
      mount /dev/vdb /mnt/readonly; mount -o remount,bind,ro /mnt/readonly
      echo newer > /srv/other/file`)
    before = await fingerprint(machine, '/look')
    ;({ code, result, stderr } = await night.run())
    left = await leftovers(machine)
    await machine.run('umount /mnt/swapped /mnt/readonly')
    after = await fingerprint(machine, '/look')
  })

  it.each(Object.entries(wrong))('%s: its sources fail, and the reason is told', (name, { says }) => {
    // The major number of a disk is the kernel's to choose.
    const reason = told(result)[name]?.replace(/\(\d+:/g, '(N:')
    expect(reason).toContain(`failed: target.open: ${says}`)
    expect(stderr).toMatch(new RegExp(`${name} +FAILED: `))
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
      var: 'failed: sync.run: target hdd1: nothing is mounted at /mnt/hdd1 (expected /dev/vdb)',
      other: 'succeeded',
    })
    expect(await machine.ok('ls -A /mnt/hdd1; ls /look/hdd1/var/1')).toBe('/look/hdd1/var/1')
    expect(await leftovers(machine)).toEqual(nothing)
  })
}

// Rule 1: no sync with --delete from a source that is not proven.
export function unprovenSources(night: Night): void {
  describe('in a night with some that cannot be copied', () => {
    const holds: Record<string, { made: string; says: string }> = {
      btrfs: {
        made: btrfsSuperblock('/dev/vg01/lv_btrfs'),
        says: 'btrfs: a block-level snapshot of btrfs has the UUID of its origin and may corrupt it',
      },
      luks: {
        made: String.raw`printf 'LUKS\xba\xbe\0\1aes' | dd of=/dev/vg01/lv_luks conv=notrunc status=none`,
        says: 'encrypted data (crypto_LUKS): no file system that can be mounted',
      },
      swap: { made: 'mkswap -q /dev/vg01/lv_swap', says: 'swap (swap): no file system that can be mounted' },
    }
    let before: string[]
    let made: Awaited<ReturnType<Night['run']>>
    // The folder above them notes whose they are.
    const mirrors = () =>
      Promise.all(['home', 'docs', 'nope'].map((name) => fingerprint(night.machine, `/look/hdd1/${name}`)))

    beforeAll(async () => {
      const { machine } = night
      const nope = '  nope: { path: /srv/nope, target: hdd1 }'
      const volumes = Object.keys(holds).map((name) => volume(name))
      await night.configure(config([volume('home'), docs, nope, ...volumes, other].join('\n')))
      for (const [name, { made }] of Object.entries(holds)) {
        await machine.ok(`lvcreate -q -y -Wn -L 4M -n lv_${name} vg01 >/dev/null; ${made} >&2`)
      }
      await machine.ok(`mkdir /srv/aside /srv/aside/home /look/hdd1/nope; echo old > /look/hdd1/nope/old
        mv /srv/home/[0-9]* /srv/aside/home/; mv /srv/docs /srv/aside/; mkdir /srv/docs`)
      before = await mirrors()
      made = await night.run()
    })
    afterAll(async () => {
      await night.machine.ok(`rmdir /srv/docs; mv /srv/aside/docs /srv/; mv /srv/aside/home/* /srv/home/
        lvremove -q -f ${Object.keys(holds)
          .map((name) => `vg01/lv_${name}`)
          .join(' ')}`)
    })

    it('when it is empty and its mirror is not, or when it does not exist', async () => {
      expect(made.code).toBe(1)
      expect(told(made.result)).toMatchObject({
        home: expect.stringContaining(
          'failed: sync.run: home is empty but its mirror /mnt/hdd1/home is not: not synced',
        ),
        docs: expect.stringContaining(
          'failed: sync.run: docs is empty but its mirror /mnt/hdd1/docs is not: not synced',
        ),
        nope: 'failed: sync.run: cannot read /srv/nope: it does not exist',
        other: 'succeeded',
      })
      expect(await mirrors()).toEqual(before)
      expect(await leftovers(night.machine)).toEqual(nothing)
    })

    it('when nothing could be mounted from its snapshot: then none is taken', async () => {
      for (const [name, { says }] of Object.entries(holds)) {
        expect(told(made.result)[name]).toContain(`failed: snapshot.create: vg01/lv_${name} holds ${says}`)
      }
      expect(made.stderr).not.toContain('attempt 2')
      expect((await night.machine.run('hdsync why luks')).stdout).not.toContain('fsck')
    })
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
        /failed: sync.run: \S+-home shows device \d+:\d+, not the snapshot vg01\/hdsync_home \(\d+:\d+\)/,
      ),
      mail: 'failed: sync.run: the snapshot of vg01/lv_mail is gone',
      other: 'succeeded',
    })
    expect(await fingerprint(machine, '/look/hdd1')).toBe(before)
    expect(await leftovers(machine)).toEqual(nothing)
  })
}
