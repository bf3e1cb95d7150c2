import type { DataOf, FileSystem, syncHeld, syncUnusual } from '../events/index.ts'
import { count, counted } from './count.ts'

type Held = DataOf<typeof syncHeld>

/** Why a sync is held, in words that follow the name of its source. */
export function heldText(held: Held): string {
  const { limit, reason, fileSystem, changes } = held
  const more = changes && `${wouldChange(changes)}, ${count(changes.limit)} are allowed`
  if (reason === 'file-system' && fileSystem) {
    const { was, is } = fileSystem
    return `lies on ${fileSystemText(is)}, and lay on ${fileSystemText(was)} at its last good copy: is something not mounted? A copy ${wouldDelete(held)}${more ? `, and ${more}` : ''}`
  }
  if (reason === 'changes' && more) return more
  return `${wouldDelete(held)}, ${count(limit)} are allowed${more ? `, and ${more}` : ''}`
}

function wouldChange({ files, mirrorFiles }: NonNullable<Held['changes']>): string {
  return `would change ${count(files)} of ${counted(mirrorFiles, 'file')} in the mirror`
}

/** What is unusual about a copy, in words that follow the name of its source, and what to type. */
export function unusualText({
  source,
  changed,
  files,
  usual,
  limit,
  held,
}: DataOf<typeof syncUnusual>): string {
  if (held) {
    const all = `${counted(changed, 'file')} of ${count(files)}`
    return `${all} would be changed, ${count(limit ?? 0)} are allowed; the copy waits for: hdsync release ${source}`
  }
  const usually =
    usual === null
      ? 'too few nights are known to say how many are usual'
      : `${count(usual)} at most in the nights before`
  const most = limit === undefined ? usually : `${count(limit)} are allowed`
  return `${counted(changed, 'file')} of ${count(files)} entries were changed, ${most}; older restore points stay until: hdsync release ${source}`
}

/** Events of version 0.1 do not tell files from folders. */
function wouldDelete({ files, folders, deletions, deleted, mirrorFiles }: Held): string {
  const all = `of ${count(mirrorFiles)} ${mirrorFiles === 1 ? 'entry' : 'entries'} in the mirror`
  if (files === undefined || folders === undefined) return `would delete ${count(deletions)} ${all}`
  const parts = [
    ...(files > 0 || folders === 0 ? [counted(files, 'file')] : []),
    ...(folders > 0 ? [counted(folders, 'folder')] : []),
  ]
  return `would delete ${parts.join(' and ')}${deleted > 0 ? ' more' : ''} ${all}`
}

/** A file system in words: `UUID=ec1f… (ext4, mounted at /srv)`. */
export function fileSystemText({ id, type, at, subvolume }: FileSystem): string {
  const kind = subvolume ? `${type}, subvolume ${subvolume}` : type
  return id.startsWith('UUID=') ? `${id} (${kind}, mounted at ${at})` : `${id} (mounted at ${at})`
}
