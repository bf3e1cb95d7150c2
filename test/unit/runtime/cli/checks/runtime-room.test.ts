import { expect, test } from 'vitest'
import { checkRuntimeRoom } from '../../../../../runtime/cli/checks/runtime-room.ts'
import { smallDisk, takeRoom } from '../../../../contract/small-disk.ts'

test('checkRuntimeRoom() names the file system that has no room for what a run notes', (context) => {
  const runtimeDirectory = smallDisk(context, 4096)
  expect(checkRuntimeRoom({ runtimeDirectory })).toEqual([])
  takeRoom(runtimeDirectory)
  expect(checkRuntimeRoom({ runtimeDirectory })).toMatchObject([
    {
      id: 'runtime.no-room',
      severity: 'error',
      finding: expect.stringContaining(`${runtimeDirectory} has 0 KiB`),
    },
  ])
})
