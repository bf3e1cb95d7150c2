import { archiveFile } from '../../host/archive/archive-file.ts'
import { mirrorState } from '../../host/mirror/mirror-identity.ts'
import type { RestorePoint } from '../../host/points/restore-point.ts'

/** Another one means that the restore point is not what it was; two names of one archive's file have the same. */
export async function identityOf({ kind, path }: RestorePoint): Promise<string> {
  return (kind === 'mirror' ? mirrorState(path) : (await archiveFile(path))?.file) ?? 'gone'
}
