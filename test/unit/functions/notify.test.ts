import { Webhook } from 'standardwebhooks'
import { describe, expect, test } from 'vitest'
import {
  catalogue,
  deadLettered,
  type EventDefinition,
  hookDisabled,
  type InputOf,
  type RunResult,
  runFailed,
  runOverdue,
  runStarted,
  runSucceeded,
  sourceFailed,
  syncHeld,
} from '../../../events/index.ts'
import { loadRegistry, ownFunctions } from '../../../runtime/backup/load-functions.ts'
import { parseConfig } from '../../../runtime/config/config.ts'
import type { Host } from '../../../runtime/host/host.ts'
import { createTellHook } from '../../../runtime/host/notify/hooks.ts'
import { MailReceiver } from '../receivers/mail.ts'
import { WebReceiver } from '../receivers/web.ts'
import { Bench } from '../runtime/backup/bench.ts'
import { secretFile, webhookSecret } from '../runtime/host/hook-bench.ts'
import { recordingRunner } from '../runtime/host/runner.ts'

const { functions } = await loadRegistry({ ours: ownFunctions, users: '/nowhere' }, catalogue)
const notifications = Object.fromEntries(
  functions
    .filter(({ name }) => name.startsWith('notify.'))
    .map(({ name, definition }) => [name, definition]),
)
const day = 86_400_000

const result: RunResult = {
  run: 'run1',
  state: 'failed',
  startedAt: '2026-01-01T00:00:00.000Z',
  endedAt: '2026-01-01T00:10:00.000Z',
  sources: [],
}

/** The functions that tell hooks, on a real store, with a real host, on a clock that is moved. */
class Hooks {
  readonly bench: Bench

  constructor(notify: string) {
    const config = parseConfig(
      `sources: { var: { path: /usr, target: disk } }\ntargets: { disk: { path: /mnt/disk } }\nnotify:\n${notify}`,
      'hooks.yaml',
    )
    const hook = createTellHook(recordingRunner().runner, new AbortController().signal)
    this.bench = new Bench(notifications, { host: { hook } as Host, config, events: catalogue }).start()
  }

  async happens<E extends EventDefinition>(event: E, data: InputOf<E>, run = 'run1'): Promise<void> {
    await this.bench.emit(event, data, run)
    await this.bench.idle()
  }

  /**
   * Moves the clock from one due delivery to the next, and no further before it has ended on the real network: time
   * that passes meanwhile would count against it.
   */
  async pass(ms: number): Promise<void> {
    const { bus, clock } = this.bench
    const end = clock.now() + ms
    for (;;) {
      const due = Math.min(...bus.open().map(({ runAt }) => runAt))
      if (due > end) return
      await clock.advance(Math.max(0, due - clock.now()))
      await this.bench.idle()
    }
  }

  facts(type: { type: string }): unknown[] {
    return this.bench.bus.events({ types: [type.type] }).map(({ data }) => data)
  }
}

const webhook = (url: string, on: string, more = '') =>
  `  - { ${more} webhook: { url: '${url}', secretFile: ${secretFile(webhookSecret)}, allowPrivate: true }, on: [${on}] }\n`

describe('a webhook', () => {
  test('that fails in every way is told again until it accepts, each time under the same id', async () => {
    const receiver = await WebReceiver.start()
    receiver.behaviours = [
      500,
      'drop',
      { status: 302, headers: { location: '/' } },
      404,
      'drop before reading',
    ]
    const hooks = new Hooks(webhook(receiver.url, 'run.failed'))
    await hooks.happens(runFailed, result)
    await hooks.pass(day)
    expect(receiver.heard).toHaveLength(5)
    expect(new Set(receiver.heard.map(({ headers }) => headers['webhook-id'])).size).toBe(1)
    for (const { body, headers } of receiver.heard) {
      const event = new Webhook(webhookSecret).verify(body, headers as Record<string, string>)
      expect(event).toMatchObject({ specversion: '1.0', type: 'run.failed', id: headers['webhook-id'] })
    }
    expect(hooks.bench.deliveries('notify.webhook')).toMatchObject([
      { state: 'done', attempts: { length: 6 } },
    ])
    expect(hooks.bench.bus.open()).toEqual([])
  })

  test('is not told before the pause that it asks for is over', async () => {
    const receiver = await WebReceiver.start()
    receiver.behaviours = [{ status: 429, headers: { 'retry-after': '3600' } }]
    const hooks = new Hooks(webhook(receiver.url, 'run.failed'))
    await hooks.happens(runFailed, result)
    await hooks.bench.clock.advance(3_600_000 - 1)
    await hooks.bench.idle()
    expect(receiver.heard).toHaveLength(1)
    await hooks.pass(60_000)
    expect(receiver.heard).toHaveLength(2)
  })

  test('that is gone is disabled until it is changed in the config', async () => {
    const receiver = await WebReceiver.start()
    receiver.behaviours = [410]
    const hooks = new Hooks(webhook(receiver.url, 'run.*, hook.disabled', 'name: chat,'))
    await hooks.happens(runFailed, result)
    await hooks.happens(runFailed, result, 'run2')
    await hooks.pass(day)
    expect(receiver.heard).toHaveLength(1)
    expect(hooks.facts(hookDisabled)).toMatchObject([
      { hook: 'chat', reason: `127.0.0.1:${receiver.port} answered 410 Gone: nothing more is sent to it` },
    ])
    expect(hooks.facts(deadLettered)).toEqual([])
    const changed = new Hooks(webhook(receiver.url, 'run.failed', 'name: chat,'))
    await changed.happens(runFailed, result)
    expect(receiver.heard).toHaveLength(2)
  })

  test('that is disabled gets nothing of what was owed to it before', async () => {
    const receiver = await WebReceiver.start()
    receiver.behaviours = [500, 410]
    const hooks = new Hooks(webhook(receiver.url, 'run.failed'))
    await hooks.happens(runFailed, result)
    await hooks.happens(runFailed, result, 'run2')
    await hooks.pass(day)
    expect(receiver.heard).toHaveLength(2)
    expect(hooks.bench.bus.open()).toEqual([])
  })

  test('that never answers well becomes a dead letter after a day, of which the other hooks are told', async () => {
    const receiver = await WebReceiver.start()
    receiver.behaviours = Array(500).fill(500)
    const other = await WebReceiver.start()
    const hooks = new Hooks(
      webhook(receiver.url, 'run.failed, dead.*', 'name: broken,') +
        webhook(other.url, 'dead.*', 'name: other,'),
    )
    const began = hooks.bench.clock.now()
    await hooks.happens(runFailed, result)
    await hooks.pass(3 * day)
    const [delivery] = hooks.bench.deliveries('notify.webhook')
    expect(delivery?.state).toBe('dead')
    const lasted = (delivery?.attempts.at(-1)?.endedAt ?? 0) - began
    expect(lasted).toBeGreaterThanOrEqual(day)
    expect(lasted).toBeLessThan(day + 3_600_000 + 1000)
    expect(hooks.facts(deadLettered)).toMatchObject([
      { function: 'notify.webhook', hook: 'broken', reason: expect.stringContaining('answered 500') },
    ])
    expect(other.heard.map(({ body }) => JSON.parse(body).data.hook)).toEqual(['broken'])
    expect(receiver.heard.every(({ body }) => JSON.parse(body).type === 'run.failed')).toBe(true)
    expect(hooks.bench.bus.open()).toEqual([])
  })

  test('of dead letters that cannot be reached itself makes no further ones', async () => {
    const [one, two] = [await WebReceiver.start(), await WebReceiver.start()]
    one.behaviours = Array(500).fill(500)
    two.behaviours = Array(500).fill(500)
    const hooks = new Hooks(
      webhook(one.url, 'run.failed, dead.*', 'name: one,') + webhook(two.url, 'dead.*', 'name: two,'),
    )
    await hooks.happens(runFailed, result)
    await hooks.pass(7 * day)
    expect(hooks.facts(deadLettered)).toMatchObject([{ hook: 'one' }])
    expect(hooks.bench.bus.open()).toEqual([])
    expect(two.heard.length).toBeGreaterThan(10)
  })
})

describe('a hook', () => {
  test('hears of whatever its patterns mean, each fact once', async () => {
    const receiver = await WebReceiver.start()
    const hooks = new Hooks(webhook(receiver.url, 'source.*, sync.held, dead.*, run.overdue'))
    await hooks.happens(runStarted, { sources: ['var'] })
    await hooks.happens(sourceFailed, { source: 'var', step: 'sync.run', reason: 'no' })
    await hooks.happens(syncHeld, { source: 'var', deletions: 2, mirrorFiles: 2, limit: 1 })
    const at = '2026-01-01T00:00:00.000Z'
    await hooks.happens(runOverdue, { source: 'var', lastSuccessAt: at, firstSeenAt: at, allowedMs: 1 })
    await hooks.happens(runFailed, result)
    expect(receiver.heard.map(({ body }) => JSON.parse(body).type)).toEqual([
      'source.failed',
      'sync.held',
      'run.overdue',
    ])
  })

  test('that hangs keeps no other from being told', async () => {
    const [hangs, answers] = [await WebReceiver.start(), await WebReceiver.start()]
    hangs.behaviours = ['hang']
    const hooks = new Hooks(
      webhook(hangs.url, 'run.failed').replace(' }\n', ', timeout: 1s }\n') +
        webhook(answers.url, 'run.failed'),
    )
    await hooks.bench.emit(runFailed, result)
    await answers.received(1)
    await expect.poll(() => hooks.bench.bus.open()).toHaveLength(1)
    await hooks.bench.idle()
    expect(hooks.bench.bus.open()).toMatchObject([{ state: 'ready', tries: 1 }])
    await hooks.pass(day)
    expect(hangs.heard).toHaveLength(2)
    expect(hangs.heard[0]?.headers['webhook-id']).toBe(hangs.heard[1]?.headers['webhook-id'])
  })
})

describe('a check', () => {
  const check = (url: string) => `  - { healthchecks: { url: ${url}/ping, allowPrivate: true } }\n`
  const succeeded: RunResult = { ...result, state: 'succeeded' }

  test('hears of the start and the end of a run', async () => {
    const receiver = await WebReceiver.start()
    const hooks = new Hooks(check(receiver.url))
    await hooks.happens(runStarted, { sources: ['var'] })
    await hooks.bench.clock.advance(1000)
    await hooks.happens(runSucceeded, succeeded)
    expect(receiver.heard.map(({ path }) => path)).toEqual(['/ping/start', '/ping'])
  })

  test('is not told late of what has been overtaken', async () => {
    const receiver = await WebReceiver.start()
    receiver.behaviours = [500, 500]
    const hooks = new Hooks(check(receiver.url))
    await hooks.happens(runStarted, { sources: ['var'] })
    await hooks.bench.clock.advance(1000)
    await hooks.happens(runSucceeded, succeeded)
    await hooks.pass(day)
    expect(receiver.heard.map(({ path }) => path)).toEqual(['/ping/start', '/ping', '/ping'])
    expect(hooks.bench.deliveries('notify.healthchecks').map(({ state }) => state)).toEqual(['done', 'done'])
  })
})

test('a topic of ntfy that is down is told when it is up again, under the same key', async () => {
  const receiver = await WebReceiver.start()
  receiver.behaviours = ['drop', 500, { status: 429, headers: { 'retry-after': '1' } }]
  const hooks = new Hooks(
    `  - { ntfy: { url: ${receiver.url}, topic: t, allowPrivate: true }, on: [run.failed] }`,
  )
  await hooks.happens(runFailed, result)
  await hooks.pass(day)
  expect(receiver.heard).toHaveLength(4)
  expect(new Set(receiver.heard.map(({ headers }) => headers['idempotency-key'])).size).toBe(1)
})

test('a mail that is refused for now, or lost on the way, comes under the same Message-ID', async () => {
  const server = await MailReceiver.start()
  server.behaviours = [{ code: 451, at: 'data' }, 'drop', { code: 450, at: 'rcpt' }, 'accept and drop']
  const smtp = `{ host: localhost, port: ${server.port}, security: none }`
  const hooks = new Hooks(`  - { email: { to: a@example.org, smtp: ${smtp} }, on: [run.failed] }`)
  await hooks.happens(runFailed, result)
  await hooks.pass(day)
  expect(hooks.bench.deliveries('notify.email')).toMatchObject([{ state: 'done', attempts: { length: 5 } }])
  expect(server.mails).toHaveLength(2)
  expect(new Set(server.mails.map(({ text }) => /^Message-ID: (.*)$/m.exec(text)?.[1])).size).toBe(1)
})

test('a mail that will never be taken becomes a dead letter at once', async () => {
  const server = await MailReceiver.start()
  server.behaviours = [{ code: 550, at: 'rcpt' }]
  const smtp = `{ host: localhost, port: ${server.port}, security: none }`
  const hooks = new Hooks(`  - { name: mail, email: { to: a@example.org, smtp: ${smtp} }, on: [run.failed] }`)
  await hooks.happens(runFailed, result)
  expect(hooks.facts(deadLettered)).toMatchObject([{ function: 'notify.email', hook: 'mail', tries: 1 }])
})
