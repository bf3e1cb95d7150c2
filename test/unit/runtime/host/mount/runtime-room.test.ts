import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { bootId } from '../../../../../runtime/host/boots.ts'
import { Ledger } from '../../../../../runtime/host/mount/ledger.ts'
import { noRuntimeRoom, proveRuntimeRoom } from '../../../../../runtime/host/mount/runtime-room.ts'
import { smallDisk, takeRoom } from '../../../../contract/small-disk.ts'
import { temporaryFolder } from '../../../temporary-folder.ts'

describe('proveRuntimeRoom()', () => {
  test('is content with a folder that is still to be made', () => {
    proveRuntimeRoom(join(temporaryFolder(), 'run/snapshots'))
  })

  test('names the file system that is full, before a mount is made that nobody could note', (context) => {
    const disk = smallDisk(context, 4096)
    const giveBack = takeRoom(disk, 64 * 1024)
    const directory = join(disk, 'hdsync')
    expect(() => proveRuntimeRoom(directory)).toThrow(`${disk} has 64 KiB left: ${noRuntimeRoom}`)
    const entry = { run: 'run1', at: '/mnt/hdd1', device: '8:17' }
    expect(() => new Ledger(directory).record(entry)).toThrow(noRuntimeRoom)
    giveBack()
    new Ledger(directory).record(entry)
    expect(new Ledger(directory).entries()).toMatchObject([{ ...entry, bootId: bootId() }])
  })
})
