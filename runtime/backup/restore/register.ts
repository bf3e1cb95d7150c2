import { appendFileSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type RestoreRecord, UndoFolder } from '../../host/restore/undo-folder.ts'

/** A restore that was made, and where. */
export interface Registered {
  root: string
  record: RestoreRecord
}

const file = (state: string) => join(state, 'restored-folders')

/** Notes that something is restored to a folder, so that it is found again. Safe to repeat. */
export function registerFolder(state: string, root: string): void {
  if (!folders(state).includes(root))
    appendFileSync(file(state), `${JSON.stringify(root)}\n`, { mode: 0o600 })
}

/** The restores that can be taken back or go on, the newest first. @param others Folders to look into besides. */
export function registeredRestores(state: string | undefined, others: readonly string[] = []): Registered[] {
  const roots = [...new Set([...(state === undefined ? [] : folders(state)), ...others])]
  return roots
    .flatMap((root) => UndoFolder.list(root).map((record) => ({ root, record })))
    .sort((one, other) => other.record.startedAt - one.record.startedAt)
}

/** What is said of a restore that did not come to its end. */
export function cutOffText(id: string, root: string): string {
  return `restore ${id} into ${root} was cut off: hdsync restore --resume ${id} ends it, hdsync restore --undo ${id} takes it back`
}

/** Removes what restores have kept that are older than that. @param before Milliseconds since the epoch. */
export function pruneRestores(state: string, before: number): void {
  for (const { root, record } of registeredRestores(state)) {
    if (record.startedAt >= before || record.stage === 'placing') continue
    using undo = UndoFolder.open(root, record.id)
    undo.remove()
  }
}

function folders(state: string): string[] {
  try {
    return readFileSync(file(state), 'utf8')
      .split('\n')
      .filter(Boolean)
      .flatMap((line) => {
        try {
          return [String(JSON.parse(line))]
        } catch {
          return []
        }
      })
  } catch {
    return []
  }
}
