import { createHash } from 'node:crypto'
import type { Readable } from 'node:stream'

/** The SHA-256 of a stream of bytes, in hexadecimal digits. @throws What keeps it from being read. */
export async function digestOf(stream: Readable): Promise<string> {
  const hash = createHash('sha256')
  for await (const chunk of stream) hash.update(chunk as Buffer)
  return hash.digest('hex')
}
