import type { RestorePoint } from '../../../host/points/restore-point.ts'
import type { PageContext } from '../context.ts'

/** How sure it is that a restore point can be read, by shape, colour and word. */
export function pointMark({ damaged, provenRestoreAt, provenAt }: RestorePoint): {
  shape: string
  tone: string
  word: string
} {
  if (damaged !== undefined) return { shape: '■', tone: 'failed', word: 'damaged' }
  if (provenRestoreAt !== undefined) return { shape: '●', tone: 'good', word: 'restored by a drill' }
  if (provenAt !== undefined) return { shape: '●', tone: 'good', word: 'read back and good' }
  return { shape: '○', tone: 'unknown', word: 'there' }
}

/** Where the files of a restore point are browsed. */
export function filesAt({ source, id }: RestorePoint, page: PageContext): string {
  return page.href(`/files/${encodeURIComponent(source)}?at=${encodeURIComponent(id)}`)
}
