import type { HonoRequest } from 'hono'
import { Problem } from '../problem.ts'

/** As large as a CloudEvents message may be without asking. @see CloudEvents 1.0, "Size Limits" */
const longestBodyBytes = 64 * 1024

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/**
 * Reads a body as text, and no more of it than the limit.
 * @throws {Problem} It is too large, or not UTF-8.
 */
export async function readText(request: HonoRequest, longestBytes = longestBodyBytes): Promise<string> {
  const announced = request.header('content-length')
  if (Number(announced) > longestBytes) throw tooLarge(longestBytes)
  // Node holds a body to the length that was announced; one that comes in chunks is counted.
  const bytes = await (announced === undefined
    ? readChunks(request.raw.body, longestBytes)
    : request.arrayBuffer()
  ).catch(unread)
  if (bytes.byteLength > longestBytes) throw tooLarge(longestBytes)
  try {
    return utf8.decode(bytes)
  } catch {
    throw new Problem('malformed-body', 'the body is not text in UTF-8')
  }
}

export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new Problem('malformed-body', `the body is not JSON: ${(error as Error).message}`)
  }
}

async function readChunks(
  body: ReadableStream<Uint8Array> | null,
  longestBytes: number,
): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of body ?? []) {
    size += chunk.byteLength
    if (size > longestBytes) throw tooLarge(longestBytes)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

/** A client that hangs up in the middle of its body is not an internal error. */
function unread(error: Error): never {
  throw error instanceof Problem
    ? error
    : new Problem('malformed-request', `the body broke off: ${error.message}`)
}

function tooLarge(longestBytes: number): Problem {
  return new Problem('body-too-large', `the body is larger than ${longestBytes / 1024} KiB`)
}
