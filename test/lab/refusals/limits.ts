import { expect, it } from 'vitest'
import type { Night } from '../night.ts'
import { leftovers } from '../servers.ts'
import { config, told, volumes } from './server.ts'

// Rule 4: no lvremove of anything that has no origin or lacks our tag.
export function foreigners(night: Night): void {
  const names = 'lvs --noheadings -o lv_name,lv_tags vg01 | sort'

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
}
