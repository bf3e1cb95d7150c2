import { proveRuntimeRoom } from '../../host/mount/runtime-room.ts'
import type { Box } from './box.ts'
import { type Finding, refused } from './finding.ts'

/** Whether a run could note what it mounts, and make the folders to mount at. */
export function checkRuntimeRoom({ runtimeDirectory }: Pick<Box, 'runtimeDirectory'>): Finding[] {
  try {
    proveRuntimeRoom(runtimeDirectory)
    return []
  } catch (thrown) {
    return [refused('runtime.no-room', 'runtime folder', thrown)]
  }
}
