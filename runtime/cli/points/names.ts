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
