import { expect, it } from 'vitest'
import type { Night } from '../night.ts'
import { leftovers } from '../servers.ts'
import { nothing, told } from './server.ts'

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
}
