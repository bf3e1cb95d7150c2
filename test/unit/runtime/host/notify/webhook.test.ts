import { Webhook } from 'standardwebhooks'
import { describe, expect, test } from 'vitest'
import { ConfigError } from '../../../../../runtime/config/problem.ts'
import { HookGoneError, RetryableError, TerminalError } from '../../../../../runtime/errors.ts'
import { readWebhookKeys } from '../../../../../runtime/host/notify/webhook.ts'
import { WebReceiver } from '../../../receivers/web.ts'
import { hookOf, runEnded, secretFile, teller, webhookSecret } from '../hook-bench.ts'

const failed = runEnded('failed')

function webhook(url: string, settings = '', common = ''): ReturnType<typeof hookOf> {
  const file = secretFile(webhookSecret)
  return hookOf(`webhook: { url: '${url}', secretFile: ${file}, allowPrivate: true ${settings} } ${common}`)
}

describe('a webhook', () => {
  test('gets the event as a CloudEvent, signed as a Standard Webhook', async () => {
    const receiver = await WebReceiver.start()
    const said = await teller().tell(webhook(`${receiver.url}/hooks?key=abc`), failed)
    expect(said).toBe(`127.0.0.1:${receiver.port} answered 204 No Content`)
    const [heard] = receiver.heard
    expect(heard).toMatchObject({ method: 'POST', path: '/hooks?key=abc' })
    expect(heard?.headers).toMatchObject({
      'content-type': 'application/cloudevents+json; charset=utf-8',
      'webhook-id': failed.id,
    })
    const headers = heard?.headers as Record<string, string>
    expect(new Webhook(webhookSecret).verify(heard?.body ?? '', headers)).toEqual(failed)
    const other = `whsec_${Buffer.alloc(32, 8).toString('base64')}`
    expect(() => new Webhook(other).verify(heard?.body ?? '', headers)).toThrow('No matching signature')
  })

  test('is signed with every key of the file, so that one can be replaced', async () => {
    const receiver = await WebReceiver.start()
    const second = `whsec_${Buffer.alloc(24, 9).toString('base64')}`
    const file = secretFile(`${webhookSecret}\n${second}`)
    const hook = hookOf(`webhook: { url: '${receiver.url}', secretFile: ${file}, allowPrivate: true }`)
    await teller().tell(hook, failed)
    const [heard] = receiver.heard
    for (const secret of [webhookSecret, second]) {
      const headers = heard?.headers as Record<string, string>
      expect(new Webhook(secret).verify(heard?.body ?? '', headers)).toEqual(failed)
    }
  })

  test.each([
    [500, '500 Internal Server Error', undefined],
    [404, '404 Not Found', undefined],
    [{ status: 429, headers: { 'retry-after': '120' } }, '429 Too Many Requests', 120_000],
    [{ status: 503, headers: { 'retry-after': 'soon' } }, '503 Service Unavailable', undefined],
  ])('that answers %j is to be told again', async (behaviour, words, retryAfterMs) => {
    const receiver = await WebReceiver.start()
    receiver.behaviours = [behaviour]
    const error = await teller()
      .tell(webhook(`${receiver.url}/secret-path`), failed)
      .catch((thrown) => thrown)
    expect(error).toBeInstanceOf(RetryableError)
    expect(error.message).toBe(`127.0.0.1:${receiver.port} answered ${words}`)
    expect(error.retryAfterMs).toBe(retryAfterMs)
  })

  test('that says it is gone is not', async () => {
    const receiver = await WebReceiver.start()
    receiver.behaviours = [410]
    await expect(teller().tell(webhook(receiver.url), failed)).rejects.toBeInstanceOf(HookGoneError)
  })

  test('is not followed to where it redirects', async () => {
    const receiver = await WebReceiver.start()
    const other = await WebReceiver.start()
    receiver.behaviours = [{ status: 302, headers: { location: other.url } }]
    const error = await teller()
      .tell(webhook(receiver.url), failed)
      .catch((thrown) => thrown)
    expect(error).toBeInstanceOf(RetryableError)
    expect(error.hint).toContain('redirects are not followed')
    expect(other.heard).toEqual([])
  })

  test.each(['drop', 'drop before reading'] as const)(
    'on a connection that breaks (%s) is told again',
    async (behaviour) => {
      const receiver = await WebReceiver.start()
      receiver.behaviours = [behaviour]
      const error = await teller()
        .tell(webhook(`${receiver.url}/secret-path`), failed)
        .catch((thrown) => thrown)
      expect(error).toBeInstanceOf(RetryableError)
      expect(error.message).toMatch(/^127\.0\.0\.1:\d+ cannot be reached: /)
      expect(error.message).not.toContain('secret-path')
    },
  )

  test('that hangs is waited for as long as the config says', async () => {
    const receiver = await WebReceiver.start()
    receiver.behaviours = ['hang']
    await expect(teller().tell(webhook(receiver.url, '', ', timeout: 1s'), failed)).rejects.toThrow(
      `127.0.0.1:${receiver.port} did not answer in 1 s`,
    )
  })

  test('that hangs is left alone when hdsync is stopped', async () => {
    const receiver = await WebReceiver.start()
    receiver.behaviours = ['hang']
    const stop = new AbortController()
    const told = teller(stop.signal).tell(webhook(receiver.url), failed)
    await receiver.received(1)
    stop.abort(new Error('stopped'))
    await expect(told).rejects.toThrow('stopped')
  })
})

describe('a private address', () => {
  test.each([
    'http://127.0.0.1:1/',
    'http://[::1]:1/',
    'http://[::ffff:127.0.0.1]:1/',
    'http://2130706433:1/',
    'http://0x7f.1:1/',
    'http://localhost:1/',
  ])('is refused: %s', async (url) => {
    const hook = hookOf(`webhook: { url: '${url}', secretFile: ${secretFile(webhookSecret)} }`)
    const error = await teller()
      .tell(hook, failed)
      .catch((thrown) => thrown)
    expect(error).toBeInstanceOf(TerminalError)
    expect(error.message).toContain('is not an address of the internet')
    expect(error.hint).toContain('allowPrivate: true')
  })

  test('hears nothing unless it is allowed', async () => {
    const receiver = await WebReceiver.start()
    const file = secretFile(webhookSecret)
    const url = `http://localhost:${receiver.port}`
    const refused = hookOf(`webhook: { url: '${url}', secretFile: ${file} }`)
    await expect(teller().tell(refused, failed)).rejects.toThrow('is not an address of the internet')
    expect(receiver.heard).toEqual([])
    await teller().tell(hookOf(`webhook: { url: '${url}', secretFile: ${file}, allowPrivate: true }`), failed)
    expect(receiver.heard).toHaveLength(1)
  })
})

describe('the secret of a webhook', () => {
  test.each([
    ['too short', `whsec_${Buffer.alloc(23).toString('base64')}`],
    ['too long', `whsec_${Buffer.alloc(65).toString('base64')}`],
    ['without its prefix', Buffer.alloc(32).toString('base64')],
    ['no base64', 'whsec_no secret at all, but many words'],
  ])('that is %s is refused, without being shown', async (_, secret) => {
    const error = await readWebhookKeys(secretFile(secret)).catch((thrown) => thrown)
    expect(error).toBeInstanceOf(ConfigError)
    expect(error.message).toContain('expected whsec_ and 24 to 64 bytes in base64')
    expect(error.message).not.toContain(secret)
  })

  test('that others can read is refused', async () => {
    await expect(readWebhookKeys(secretFile(webhookSecret, 0o644))).rejects.toThrow(
      /expected a file that others cannot read, found mode 0644\n +run: chmod g-w,o= /,
    )
  })

  test.each([
    ['is missing', () => '/nowhere/secret', 'found none'],
    ['is a folder', () => '/tmp', 'found a folder'],
    ['is empty', () => secretFile(''), 'found an empty file'],
  ])('that %s is refused', async (_, file, words) => {
    await expect(readWebhookKeys(file())).rejects.toThrow(words)
  })
})
