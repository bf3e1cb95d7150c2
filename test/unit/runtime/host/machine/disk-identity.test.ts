import { readdirSync } from 'node:fs'
import { expect, test } from 'vitest'
import { createRunner, unobserved } from '../../../../../runtime/host/command/command.ts'
import { identifyDisks, portOf, withoutShared } from '../../../../../runtime/host/machine/disk-identity.ts'
import { tableId } from '../../../../../runtime/host/machine/fresh-disks.ts'

test('what two disks have in common tells neither of them', () => {
  const bogus = '0123456789ABCDEF'
  const disks = new Map([
    ['/dev/sda', { serial: bogus, port: 'usb-1' }],
    ['/dev/sdb', { serial: bogus, port: 'usb-2' }],
    ['/dev/sdc', { serial: 'S3' }],
  ])
  expect([...withoutShared(disks).values()]).toEqual([{ port: 'usb-1' }, { port: 'usb-2' }, { serial: 'S3' }])
})

test('a port is known where its path has no numbers that change at a boot', () => {
  const pci = 'pci0000:00/0000:00:02.0'
  expect(portOf(`/sys/devices/${pci}/virtio1/block/vda`)).toBe(pci)
  expect(portOf('/sys/devices/vbd-51712/block/xvda')).toBe('vbd-51712')
  expect(portOf(`/sys/devices/${pci}/ata1/host0/target0:0:0/0:0:0:0/block/sda`)).toBeUndefined()
  expect(portOf('/sys/devices/virtual/block/loop0')).toBeUndefined()
})

test('each disk of this machine is looked at', async () => {
  const runner = createRunner({
    observer: unobserved,
    signal: new AbortController().signal,
    owner: 'test',
  })
  const found = await identifyDisks(runner)
  const names = readdirSync('/sys/class/block')
  for (const path of found.keys()) expect(names).toContain(path.replace('/dev/', '').replaceAll('/', '!'))
})

test('the id of a table is the same in a dump and in what sfdisk is given', () => {
  expect(tableId('label: gpt\nlabel-id: 956FB077-19E3-A748-B61E-F006785BE95C\n')).toBe(
    '956fb077-19e3-a748-b61e-f006785be95c',
  )
  expect(tableId('label: dos\nlabel-id: 0x1234ABCD\nunit: sectors\n')).toBe('0x1234abcd')
  expect(tableId('label: dos\n')).toBeUndefined()
})
