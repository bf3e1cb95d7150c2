import { lookup as resolve } from 'node:dns'
import { request as requestHttp, STATUS_CODES } from 'node:http'
import { request as requestHttps } from 'node:https'
import { isIP, type LookupFunction } from 'node:net'
import { RetryableError, TerminalError } from '../../errors.ts'
import { isPrivateAddress } from './addresses.ts'

/** Something to be posted to somebody else's server. */
export interface WebRequest {
  url: URL
  headers: Readonly<Record<string, string>>
  body: string
  /** For everything, from the look-up of the name to the answer. */
  timeoutMs: number
  signal: AbortSignal
  /** Whether the address may be one of this machine or of a private network. */
  allowPrivate: boolean
}

export interface WebAnswer {
  status: number
  /** Who answered, and what: `hooks.example.org answered 503 Service Unavailable`. */
  said: string
  /** The pause that the server asks for. */
  retryAfterMs: number | undefined
}

/**
 * Posts a request, and waits for the status of the answer; what follows it is not looked at. Redirects are not
 * followed. The name is looked up once, and the connection made to an address that was found to be allowed: a name
 * that is looked up a second time may have another one.
 *
 * Messages name the host alone, as the rest of an address may be as good as a password.
 * @throws {RetryableError} There was no answer.
 * @throws {TerminalError} The address is a private one, which is not allowed.
 */
export async function post(request: WebRequest): Promise<WebAnswer> {
  const { url, headers, body, timeoutMs, signal, allowPrivate } = request
  const timeUp = AbortSignal.timeout(timeoutMs)
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1')
  if (!allowPrivate && isIP(host) && isPrivateAddress(host)) throw refusal(host, [host])
  try {
    return await new Promise((resolveAnswer, reject) => {
      const send = url.protocol === 'https:' ? requestHttps : requestHttp
      const sent = send(url, {
        method: 'POST',
        headers: {
          ...headers,
          'user-agent': 'hdsync',
          'content-length': Buffer.byteLength(body),
          connection: 'close',
        },
        agent: false,
        lookup: allowPrivate ? undefined : lookUpAllowed,
        signal: AbortSignal.any([signal, timeUp]),
      })
      sent.on('error', reject)
      sent.on('response', (response) => {
        const status = response.statusCode ?? 0
        // A body that never ends must not keep the process alive.
        response.socket.unref()
        response.on('error', () => {}).resume()
        const said = `${url.host} answered ${status} ${STATUS_CODES[status] ?? ''}`.trimEnd()
        resolveAnswer({ status, said, retryAfterMs: retryAfterMs(response.headers['retry-after']) })
      })
      sent.end(body)
    })
  } catch (error) {
    signal.throwIfAborted()
    if (error instanceof TerminalError) throw error
    if (timeUp.aborted) throw new RetryableError(`${url.host} did not answer in ${timeoutMs / 1000} s`)
    throw new RetryableError(`${url.host} cannot be reached: ${causeOf(error as Error)}`, { cause: error })
  }
}

/** @throws {RetryableError} The answer is anything but a success. */
export function expectSuccess({ status, said, retryAfterMs }: WebAnswer): string {
  if (status >= 200 && status < 300) return said
  const hint =
    status >= 300 && status < 400
      ? 'redirects are not followed: put the final address into the config'
      : undefined
  throw new RetryableError(said, { hint, retryAfterMs })
}

/** @returns Milliseconds from now; undefined for none, and for what cannot be read. @see RFC 9110, 10.2.3 */
export function retryAfterMs(header: string | undefined, now = Date.now()): number | undefined {
  if (header === undefined) return undefined
  const ms = /^\s*\d+\s*$/.test(header) ? Number(header) * 1000 : Date.parse(header) - now
  return Number.isFinite(ms) ? Math.max(0, ms) : undefined
}

const lookUpAllowed: LookupFunction = (hostname, options, callback) => {
  resolve(hostname, { ...options, all: true }, (error, found) => {
    if (error) return callback(error, [])
    const allowed = found.filter(({ address }) => !isPrivateAddress(address))
    const [first] = allowed
    if (!first) {
      const addresses = found.map(({ address }) => address)
      return callback(refusal(hostname, addresses), [])
    }
    if (options.all) callback(null, allowed)
    else callback(null, first.address, first.family)
  })
}

function refusal(host: string, addresses: readonly string[]): TerminalError {
  const what = addresses.includes(host) ? host : `${host} (${addresses.join(', ')})`
  return new TerminalError(`${what} is not an address of the internet`, {
    hint: 'if it is the right one, say `allowPrivate: true` beside its `url`',
  })
}

/** Of several addresses, each error is inside one without a message. */
function causeOf(error: Error): string {
  if (error instanceof AggregateError && error.errors.length > 0) {
    return [...new Set(error.errors.map((one: Error) => one.message))].join('; ')
  }
  return error.message
}
