import { isUtf8 } from 'node:buffer'

/** A name, or a path, as text to search in: bytes that are no UTF-8 are as Latin-1 has them. */
export function pathText(path: Buffer): string {
  return path.toString(isUtf8(path) ? 'utf8' : 'latin1')
}
