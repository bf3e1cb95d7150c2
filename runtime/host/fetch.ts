import { RetryableError } from '../errors.ts'

/** What is asked of a server: a part of what `fetch` takes that is data, so that it can be told to another process. */
export interface FetchRequest {
  /** GET unless given. */
  method?: string
  headers?: Record<string, string>
  body?: string
  /** 30 s unless given. */
  timeoutMs?: number
}

export interface FetchResponse {
  status: number
  /** Whether the status is from 200 to 299. */
  ok: boolean
  headers: Record<string, string>
  /** The body; the first MiB of a longer one. */
  text: string
}

const usualMs = 30_000
const mostBytes = 1024 * 1024

/**
 * Asks a server over HTTP. A status that tells of an error is an answer too: look at `ok`.
 * @throws {RetryableError} There was no answer, or not in time.
 */
export async function fetchFor(
  url: string,
  { method = 'GET', headers = {}, body, timeoutMs = usualMs }: FetchRequest,
  signal: AbortSignal,
): Promise<FetchResponse> {
  const tooLate = AbortSignal.timeout(timeoutMs)
  try {
    const response = await fetch(url, {
      method,
      headers,
      ...(body !== undefined && { body }),
      signal: AbortSignal.any([signal, tooLate]),
    })
    return {
      status: response.status,
      ok: response.ok,
      headers: Object.fromEntries(response.headers),
      text: await beginningOf(response),
    }
  } catch (thrown) {
    signal.throwIfAborted()
    const { message, cause } = thrown as Error
    const why = tooLate.aborted
      ? `no answer within ${timeoutMs / 1000} s`
      : ((cause as Error)?.message ?? message)
    throw new RetryableError(`${method} ${hostOf(url)}: ${why}`, { cause: thrown })
  }
}

async function beginningOf({ body }: Response): Promise<string> {
  const chunks: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of body ?? []) {
    chunks.push(chunk)
    bytes += chunk.length
    if (bytes >= mostBytes) break
  }
  return Buffer.concat(chunks).subarray(0, mostBytes).toString()
}

/** Without path and query: many a service has its secret there. */
function hostOf(url: string): string {
  return URL.parse(url)?.host ?? 'an address that is none'
}
