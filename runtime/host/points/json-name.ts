import { isUtf8 } from 'node:buffer'

/**
 * A name in JSON, without loss: `path` as text, and where its bytes are no UTF-8, which text cannot hold, `pathBase64` beside
 * it.
 */
export function jsonName<K extends string>(key: K, name: Buffer): Record<string, string> {
  return isUtf8(name)
    ? { [key]: name.toString() }
    : { [key]: name.toString(), [`${key}Base64`]: name.toString('base64') }
}
