import type { Entry } from '../points/entry.ts'

/**
 * One thing that a restore does. `create` and `replace` are of an entry with everything below it, `delete` too; `folder` gives
 * a folder that stays the attributes that it had.
 */
export interface Action {
  op: 'create' | 'replace' | 'delete' | 'folder'
  /** Below the folder that is restored to. */
  path: Buffer
  type: Entry['type']
}

/** As it stands in a file. */
export interface StoredAction {
  op: Action['op']
  /** Base64: names may be of any bytes. */
  path: string
  type: Entry['type']
}

export function storedAction({ op, path, type }: Action): StoredAction {
  return { op, path: path.toString('base64'), type }
}

export function actionOf({ op, path, type }: StoredAction): Action {
  return { op, path: Buffer.from(path, 'base64'), type }
}
