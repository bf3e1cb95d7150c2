import type { RestorePoint } from '../../../host/points/restore-point.ts'
import type { PageContext } from '../context.ts'
import { html } from '../look/html.ts'

/** A restore point as it is shown: one that is gone without having been pruned is shown as well. */
export interface ShownPoint extends RestorePoint {
  /** It is on record, but not on its disk. */
  missing?: true
  /** It shares its file with the one before, as nothing had changed. */
  linked?: true
}

/** How sure it is that a restore point can be read, by shape, colour and word. */
export function pointMark(point: ShownPoint): { shape: string; tone: string; word: string } {
  if (point.missing) return { shape: '□', tone: 'failed', word: 'missing' }
  if (point.damaged !== undefined) return { shape: '■', tone: 'failed', word: 'damaged' }
  const mark = proofMark(point)
  return point.linked ? { ...mark, shape: '◍', word: `${mark.word}, linked to the one before` } : mark
}

function proofMark({ provenRestoreAt, provenAt }: RestorePoint) {
  if (provenRestoreAt !== undefined) return { shape: '●', tone: 'good', word: 'restored by a drill' }
  if (provenAt !== undefined) return { shape: '●', tone: 'good', word: 'read back and good' }
  return { shape: '○', tone: 'unknown', word: 'there' }
}

/** What the marks mean. */
export const legend = html`<p class="legend"><span><b class="good">●</b> read back or restored, and good</span> <span><b class="good">◍</b> linked to the one before, as nothing had changed</span> <span><b class="unknown">○</b> there</span> <span><b class="failed">■</b> damaged</span> <span><b class="failed">□</b> missing: on record, but not on its disk</span> <span><b class="unknown">·</b> replaced or pruned since</span></p>`

/** Where the files of a restore point are browsed. */
export function filesAt({ source, id }: RestorePoint, page: PageContext): string {
  return page.href(`/files/${encodeURIComponent(source)}?at=${encodeURIComponent(id)}`)
}
