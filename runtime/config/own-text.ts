import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs'

/** A text of this user's alone: undefined where there is none, or where somebody else could have written or read it. */
export function ownText(path: string, uid = process.geteuid?.()): string | undefined {
  let handle: number | undefined
  try {
    handle = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
    const { uid: owner, mode } = fstatSync(handle)
    return owner === uid && !(mode & 0o077) ? readFileSync(handle, 'utf8') : undefined
  } catch {
    return undefined
  } finally {
    if (handle !== undefined) closeSync(handle)
  }
}
