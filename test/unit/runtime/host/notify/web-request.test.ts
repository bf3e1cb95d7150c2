import * as dns from 'node:dns'
import { describe, expect, test, vi } from 'vitest'
import { RetryableError, TerminalError } from '../../../../../runtime/errors.ts'
import { post, retryAfterMs } from '../../../../../runtime/host/notify/web-request.ts'
import { WebReceiver } from '../../../receivers/web.ts'

// A name server of somebody else's cannot be had on loopback; what it answers can.
vi.mock(import('node:dns'), async (original) => ({ ...(await original()), lookup: vi.fn() as never }))

/** Lets each look-up of a name find the next of these lists of addresses. */
function nameServer(...answers: string[][]): ReturnType<typeof vi.fn> {
  const lookup = vi.mocked(dns.lookup) as unknown as ReturnType<typeof vi.fn>
  lookup.mockReset()
  lookup.mockImplementation((_name: string, _options: object, done: (...answer: unknown[]) => void) => {
    const addresses = answers.shift() ?? ['127.0.0.1']
    done(
      null,
      addresses.map((address) => ({ address, family: 4 })),
    )
  })
  return lookup
}

const send = (port: number) =>
  post({
    url: new URL(`http://rebinds.example:${port}/`),
    headers: {},
    body: '',
    timeoutMs: 500,
    signal: new AbortController().signal,
    allowPrivate: false,
  }).catch((error) => error)

describe('a name', () => {
  test('that leads to a private address is refused', async () => {
    const { port, heard } = await WebReceiver.start()
    nameServer(['127.0.0.1'])
    const error = await send(port)
    expect(error).toBeInstanceOf(TerminalError)
    expect(error.message).toBe('rebinds.example (127.0.0.1) is not an address of the internet')
    expect(heard).toEqual([])
  })

  test('is looked up once, and what was found then is connected to', async () => {
    const { port, heard } = await WebReceiver.start()
    const lookup = nameServer(['203.0.113.1'], ['127.0.0.1'])
    expect(await send(port)).toBeInstanceOf(RetryableError)
    expect(lookup).toHaveBeenCalledTimes(1)
    expect(heard).toEqual([])
  })

  test('of several addresses is reached by those of the internet alone', async () => {
    const { port, heard } = await WebReceiver.start()
    nameServer(['127.0.0.1', '203.0.113.1'])
    expect(await send(port)).toBeInstanceOf(RetryableError)
    expect(heard).toEqual([])
  })
})

describe('retryAfterMs()', () => {
  const now = Date.UTC(2026, 0, 1)
  test.each([
    [undefined, undefined],
    ['120', 120_000],
    ['0', 0],
    ['Thu, 01 Jan 2026 00:01:00 GMT', 60_000],
    ['Wed, 31 Dec 2025 00:00:00 GMT', 0],
    ['soon', undefined],
  ])('of %s is %s', (header, ms) => expect(retryAfterMs(header, now)).toBe(ms))
})
