import { isUtf8 } from 'node:buffer'
import { printable } from '../format.ts'

/** A name for a terminal: control characters and bytes that are no UTF-8 are escaped, and so is the backslash. */
export function nameText(name: Buffer): string {
  const text = isUtf8(name)
    ? name.toString()
    : name
        .toString('latin1')
        .replace(/[\x80-\xff]/g, (byte) => `\u{10FFFD}${byte.charCodeAt(0).toString(16)}`)
  return printable(text.replaceAll('\\', '\\\\')).replaceAll('\\u{10fffd}', '\\x')
}

/**
 * A name in JSON, without loss: `path` as text, and where its bytes are no UTF-8, which text cannot hold, `pathBase64` beside
 * it.
 */
export function jsonName<K extends string>(key: K, name: Buffer): Record<string, string> {
  return isUtf8(name)
    ? { [key]: name.toString() }
    : { [key]: name.toString(), [`${key}Base64`]: name.toString('base64') }
}
