import { expect, it } from 'vitest'
import type { Night } from '../night.ts'
import { leftovers } from '../servers.ts'
import { config, nothing, other, told } from './server.ts'

export function linkedTargets(night: Night): void {
  it('but not one that is given by way of a link, which is unmounted again', async () => {
    const { machine } = night
    await machine.ok('ln -s /mnt/hdd1 /via')
    await night.configure(`sources: { docs: { path: /srv/docs, target: hdd1 } }
targets: { hdd1: { path: /via, mounts: [{ device: /dev/vdb, at: /via }] } }
`)
    for (const _ of ['once', 'twice']) {
      expect(told((await night.run()).result)).toEqual({ docs: 'succeeded' })
      expect(await leftovers(machine)).toEqual(nothing)
    }
    await machine.ok('hdsync target adopt hdd1; rm /via')
    expect(await leftovers(machine)).toEqual(nothing)
  })

  it('as it lies in its own source, or its mirror is a link', async () => {
    const { machine } = night
    await machine.ok(`set -e
      mkdir -p /srv/{bound,soft}/vault /srv/stray /mnt/{bound,stray} /look/blank/stray
      mount --bind /srv/bound/vault /mnt/bound; ln -s /srv/soft/vault /mnt/soft
      for name in bound soft stray; do echo new > /srv/$name/new; done`)
    const names = ['bound', 'soft', 'stray']
    await night.configure(
      config(
        [...names.map((name) => `  ${name}: { path: /srv/${name}, target: ${name} }`), other].join('\n'),
        {
          targets: names.map((name) => `  ${name}: { path: /mnt/${name} }`).join('\n'),
        },
      ),
    )
    await machine.ok('hdsync target adopt --all')
    await machine.ok('ln -s /look/blank/stray /mnt/stray/stray')
    const { code, result } = await night.run()
    expect(code).toBe(1)
    const lies = 'lies in its source'
    expect(told(result)).toEqual({
      bound: expect.stringContaining(
        `failed: target.open: target bound (/mnt/bound) ${lies} /srv/bound, as /vault`,
      ),
      soft: expect.stringContaining(`target soft (/mnt/soft, which is /srv/soft/vault) ${lies} /srv/soft`),
      stray: expect.stringContaining(
        'the mirror /mnt/stray/stray is a link to /look/blank/stray: not synced',
      ),
      other: 'succeeded',
    })
    const checked = await machine.run('hdsync check')
    for (const name of ['bound', 'soft']) expect(checked.stdout).toContain(`target ${name} (/mnt/${name}`)
    expect(
      await machine.ok('ls /srv/bound/vault /srv/soft/vault /look/blank/stray | grep new || echo none'),
    ).toBe('none')
    await machine.ok(
      'umount /mnt/bound; rm -r /srv/{bound,soft,stray} /mnt/soft /mnt/stray /look/blank/stray',
    )
  })
}
