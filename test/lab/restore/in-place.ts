import { expect, it } from 'vitest'
import type { Night } from '../night.ts'
import { pointsOf } from './commands.ts'
import { type Medium, type Source, state } from './server.ts'
import type { Nights } from './three-nights.ts'

/** Over what is there, with nothing kept from before that the backup does not have; and taken back. */
export function inPlace(night: Night, was: Nights, pairs: readonly (readonly [Source, Medium])[]): void {
  it.each(pairs)('all of %s, from the %s, and is taken back', async (source, medium) => {
    const { machine } = night
    const live = `/srv/${source}`
    await machine.ok(`cd ${live}
      echo spoilt > odd/mail/cur/1; rm -r odd/deep; ln -s /etc odd/deep; mv many/1 many/moved
      rm odd/fifo; mkdir odd/fifo; echo in > odd/fifo/it; chmod 700 many`)
    const spoilt = await state(night, live)
    const at = (await pointsOf(night, source))[medium]
    const words = `hdsync restore ${source} --at ${at} --in-place --delete --json`
    const plan = JSON.parse(await machine.ok(`${words} --dry-run`))
    expect(plan.actions).toContainEqual({ op: 'replace', path: 'odd/mail/cur/1', type: 'file' })
    expect(await state(night, live)).toBe(spoilt)
    const { id } = JSON.parse(await machine.ok(`${words} --yes`))
    expect(await state(night, live)).toBe(was[medium][source])
    expect(await machine.ok(`stat -c %a ${live}/.hdsync-undo`)).toBe('700')
    await machine.ok(`hdsync restore --undo ${id} -q`)
    expect(await state(night, live)).toBe(spoilt)
    await machine.ok(`hdsync restore --undo last -q`)
    expect(await state(night, live)).toBe(was[medium][source])
  })
}

/** What a restore in place must not do. */
export function limits(night: Night): void {
  it('deletes no more than the source allows, and nothing that is excluded', async () => {
    const { machine } = night
    await machine.ok('for n in {1..60}; do echo more > /srv/var/more$n; done; echo yes > /srv/var/cache/more')
    const words = 'hdsync restore var --in-place --delete --yes -q'
    expect((await machine.run('hdsync restore var --in-place')).code).toBe(2)
    const held = await machine.run(words)
    expect([held.code, held.stderr]).toEqual([5, expect.stringContaining('--allow-deletions 60')])
    expect(await machine.ok('ls /srv/var/more* | wc -l')).toBe('60')
    await machine.ok(`${words} --allow-deletions 60`)
    expect(await machine.ok('ls /srv/var; ls /srv/var/cache')).toBe('cache\nmany\nodd\nmore\nx')
  })

  it('writes neither into backups nor into a volume that is not mounted', async () => {
    const { machine } = night
    const into = await machine.run('hdsync restore var --to /mnt/hdd1/new -q')
    expect([into.code, into.stderr]).toEqual([1, expect.stringContaining('nothing is restored into backups')])
    const away = await machine.run('umount /srv/home; hdsync restore home --in-place --yes -q')
    const left = await machine.ok('ls -A /srv/home; mount /dev/vg01/lv_home /srv/home')
    expect([away.code, away.stderr, left]).toEqual([2, expect.stringContaining('is not mounted'), ''])
  })
}
