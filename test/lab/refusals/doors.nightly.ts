import { expect, it } from 'vitest'
import { fingerprint } from '../fingerprint.ts'
import type { Night } from '../night.ts'
import { leftovers } from '../servers.ts'
import { config, docs, nothing, told, volume } from './server.ts'

// What others than root have done to a target, or may do.
export function doors(night: Night): void {
  const archived = config(docs, { rest: 'archive: { target: here }' })

  it('a target that others can look into is told of, and closed by one command', async () => {
    const { machine } = night
    await night.configure(archived)
    await machine.ok('chmod 755 /look/hdd1 /mnt/here')
    const open = await night.run()
    expect([open.code, told(open.result).docs]).toEqual([
      3,
      expect.stringMatching(
        /^degraded: target\.open: .*\/mnt\/hdd1.*; target\.open: .*\/mnt\/here.*adopt --all/,
      ),
    ])
    expect((await machine.run('hdsync check')).stdout).toContain('hdsync target adopt --all')
    await machine.ok('hdsync target adopt --all')
    expect(await machine.ok('stat -c "%a %u" /look/hdd1 /mnt/here')).toBe('700 0\n700 0')
    expect(told((await night.run()).result)).toEqual({ docs: 'succeeded' })
    expect(await leftovers(machine)).toEqual(nothing)
  })

  it('a marker that nobody will ever have read, and a weekday that leads elsewhere', async () => {
    const { machine } = night
    await night.configure(archived)
    await machine.ok(`set -e
      cd /mnt/here; mv .hdsync-target aside; mkfifo .hdsync-target; mkdir -m 700 /root/elsewhere; echo changed > /srv/docs/9`)
    const before = await fingerprint(machine, '/look/hdd1')
    const fifo = await night.run()
    expect([fifo.code, told(fifo.result).docs]).toEqual([
      1,
      expect.stringMatching(/^failed: target\.open: .*\/mnt\/here\/\.hdsync-target.*FIFO/),
    ])
    expect(await fingerprint(machine, '/look/hdd1')).toBe(before)

    await machine.ok(`set -e
      cd /mnt/here; rm .hdsync-target; ln -s /dev/zero .hdsync-target`)
    expect((await night.run()).code).toBe(1)

    await machine.ok(`set -e
      cd /mnt/here; rm .hdsync-target; mv aside .hdsync-target; rm -r *day
      for day in Mon Tues Wednes Thurs Fri Satur Sun; do ln -s /root/elsewhere \${day}day; done`)
    const led = await night.run()
    expect([led.code, told(led.result).docs]).toEqual([
      1,
      expect.stringMatching(/^failed: archive\.weekly: .*day is a link to \/root\/elsewhere/),
    ])
    expect(await machine.ok('ls -A /root/elsewhere; rm /mnt/here/*day')).toBe('')
    expect((await night.run()).code).toBe(0)
    expect(await leftovers(machine)).toEqual(nothing)
  })

  it('the mirror of another hdsync, until somebody says whose it is', async () => {
    const { machine } = night
    const theirs = config(docs, { rest: 'state: /var/lib/theirs' })
    await night.configure(config(docs))
    expect((await night.run()).code).toBe(0)
    const before = await fingerprint(machine, '/look/hdd1/docs')

    await night.configure(theirs)
    await machine.ok('echo theirs > /srv/docs/theirs')
    const adopted = await night.hdsync('target', 'adopt', 'hdd1')
    expect([adopted.code, adopted.stderr]).toEqual([1, expect.stringContaining('--take-over')])
    const refused = await night.run()
    expect([refused.code, told(refused.result).docs]).toEqual([
      1,
      expect.stringMatching(/mirror and archives of docs belong to .*nothing is written there.*--take-over/),
    ])
    expect(await fingerprint(machine, '/look/hdd1/docs')).toBe(before)

    await machine.ok('hdsync target adopt hdd1 --take-over')
    expect((await night.run()).code).toBe(0)
    expect(await machine.ok('cat /look/hdd1/docs/theirs')).toBe('theirs')

    // And back again.
    await night.configure(config(docs))
    expect((await night.run()).code).toBe(1)
    await machine.ok('rm /srv/docs/theirs; hdsync target adopt hdd1 --take-over')
    expect((await night.run()).code).toBe(0)
    expect(await leftovers(machine)).toEqual(nothing)
  })

  it('to be misled by an lvm.conf that changes what reports look like', async () => {
    const { machine } = night
    await night.configure(config(volume('var')))
    await machine.ok(`cp /etc/lvm/lvm.conf /run/lvm.conf.before 2>/dev/null || touch /run/lvm.conf.before
      cat >> /etc/lvm/lvm.conf <<'END'
report { compact_output=1 aligned=0 headings=0 prefixes=1 quoted=0 columns_as_rows=1 separator="|" list_item_separator=";" binary_values_as_numeric=1 }
log { prefix="lvm says " command_names=1 }
global { units="G" si_unit_consistency=0 suffix=0 }
END`)
    await machine.ok('echo changed > /srv/var/9')
    const { code, result } = await night.run()
    await machine.ok('cp /run/lvm.conf.before /etc/lvm/lvm.conf')
    expect([code, told(result)]).toEqual([0, { var: 'succeeded' }])
    expect(await leftovers(machine)).toEqual(nothing)
  })
}
