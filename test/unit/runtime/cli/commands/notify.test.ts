import { readFileSync, writeFileSync } from 'node:fs'
import { pathToFileURL } from 'node:url'
import { Webhook } from 'standardwebhooks'
import { describe, expect, test } from 'vitest'
import { notifyTestCommand } from '../../../../../runtime/cli/commands/notify.ts'
import { runCommand } from '../../../../../runtime/cli/commands/run.ts'
import { UsageError } from '../../../../../runtime/errors.ts'
import { Child } from '../../../child.ts'
import { main } from '../../../program.ts'
import { WebReceiver } from '../../../receivers/web.ts'
import { secretFile, webhookSecret } from '../../host/hook-bench.ts'
import { makeServer, printed } from '../night.ts'

const webhook = ({ url }: WebReceiver, more = '') =>
  `  - { webhook: { url: '${url}', secretFile: ${secretFile(webhookSecret)}, allowPrivate: true } ${more} }\n`

describe('notify test', () => {
  test('sends a sample through each hook, and says what came back', async () => {
    const [good, bad] = [await WebReceiver.start(), await WebReceiver.start()]
    bad.behaviours = [500]
    const server = await makeServer(
      `notify:\n${webhook(good, ', name: chat')}${webhook(bad, ', on: [dead.*]')}`,
    )
    const io = printed()
    expect(await notifyTestCommand(undefined, server, io)).toBe(1)
    const [head, chat, other] = io.out.split('\n')
    expect(head).toMatch(/^HOOK +KIND +EVENT +STATE +TOOK +ANSWER$/)
    expect(chat).toMatch(/^chat +webhook +run\.succeeded +ok +\S+ +127\.0\.0\.1:\d+ answered 204 No Content$/)
    expect(other).toMatch(
      /^notify\[1\] +webhook +dead\.lettered +failed +\S+ .*answered 500 Internal Server Error$/,
    )
    const [heard] = good.heard
    const event = new Webhook(webhookSecret).verify(
      heard?.body ?? '',
      heard?.headers as Record<string, string>,
    )
    expect(event).toMatchObject({
      type: 'run.succeeded',
      subject: 'test',
      data: { test: true, state: 'succeeded' },
    })
  })

  test('sends it through those of one name or kind alone, and prints JSON', async () => {
    const receiver = await WebReceiver.start()
    const server = await makeServer(`notify:\n${webhook(receiver)}  - { name: pager, exec: [/bin/true] }\n`)
    for (const name of ['pager', 'exec']) {
      const io = printed()
      expect(await notifyTestCommand(name, { ...server, json: true }, io)).toBe(0)
      expect(JSON.parse(io.out)).toEqual({
        ok: true,
        hooks: [
          {
            hook: 'pager',
            kind: 'exec',
            event: 'run.succeeded',
            ok: true,
            answer: '/bin/true ended with exit code 0',
            durationMs: expect.any(Number),
          },
        ],
      })
    }
    expect(receiver.heard).toEqual([])
  })

  test('refuses a hook that is not there, and a config without any', async () => {
    const server = await makeServer('notify: [{ name: pager, exec: [/bin/true] }]')
    const refused = notifyTestCommand('pagre', server, printed())
    await expect(refused).rejects.toThrow(UsageError)
    await expect(refused).rejects.toMatchObject({ hint: 'did you mean `pager`?' })
    await expect(notifyTestCommand(undefined, await makeServer(), printed())).rejects.toThrow(
      'there is no hook',
    )
  })
})

describe('a run', () => {
  test('that is killed while a hook is being told has it told again, under the same id', async () => {
    const receiver = await WebReceiver.start()
    receiver.behaviours = ['hang']
    const server = await makeServer(`notify:\n${webhook(receiver, ', on: [run.succeeded]')}`)
    const child = new Child(pathToFileURL(main), 'run', '--quiet', '--config', server.config)
    await receiver.received(1)
    await child.kill()
    expect(await runCommand([], { config: server.config, quiet: true }, printed())).toBe(0)
    const heard = receiver.heard.map(({ headers, body }) => [headers['webhook-id'], JSON.parse(body).runid])
    expect(heard).toHaveLength(3)
    expect(heard.filter(([id]) => id === heard[0]?.[0])).toEqual([heard[0], heard[0]])
    expect(new Set(heard.map(([, run]) => run)).size).toBe(2)
  })

  test('is not kept waiting by hooks that hang, and neither is the next one', async () => {
    const receiver = await WebReceiver.start()
    receiver.behaviours = Array(40).fill('hang')
    const hooks = Array.from({ length: 20 }, () => webhook(receiver, ', on: [run.started], timeout: 1s'))
    const server = await makeServer(`notify:\n${hooks.join('')}`)
    expect(await runCommand([], { config: server.config, quiet: true }, printed())).toBe(0)
    const heard = receiver.heard.length
    expect(heard).toBe(20)
    const io = printed()
    expect(await runCommand([], { config: server.config, json: true, quiet: true }, io)).toBe(0)
    const { startedAt, endedAt } = JSON.parse(io.out)
    expect(Date.parse(endedAt) - Date.parse(startedAt)).toBeLessThan(30_000)
  })

  test('that cannot begin is told of through hooks of every kind', async () => {
    const receiver = await WebReceiver.start()
    const { folder, config } = await makeServer(
      `notify:\n${webhook(receiver)}  - { healthchecks: { url: ${receiver.url}/ping, allowPrivate: true } }\n`,
    )
    const text = readFileSync(config, 'utf8').replace(/^state: .*$/m, `state: ${folder}/home/file`)
    writeFileSync(config, text)
    await expect(runCommand([], { config, quiet: true }, printed())).rejects.toThrow(UsageError)
    expect(receiver.heard.map(({ path }) => path).sort()).toEqual(['/', '/ping/fail'])
  })
})
