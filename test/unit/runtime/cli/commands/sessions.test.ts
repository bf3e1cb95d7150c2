import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { openCommand } from '../../../../../runtime/cli/commands/open.ts'
import { revokeCommand, sessionsCommand } from '../../../../../runtime/cli/commands/sessions.ts'
import { loadConfig } from '../../../../../runtime/config/load.ts'
import { systemClock } from '../../../../../runtime/core/clock.ts'
import { openSessions } from '../../../../../runtime/http/session/sessions.ts'
import { makeServer, printed } from '../night.ts'

test('sessions are listed, the newest first, and ended one by one or all at once', async () => {
  const { config } = await makeServer()
  const { state } = await loadConfig({ path: config, env: {} })
  const sessions = openSessions(state, systemClock)
  for (const from of ['192.0.2.1', '192.0.2.2', '192.0.2.3'])
    sessions.begin({ right: 'read', how: 'token', from })
  const [first] = sessions.list()
  const list = printed()
  expect(await sessionsCommand({ config }, list)).toBe(0)
  expect(list.out.split('\n')[0]).toMatch(/^ID +BEGUN +FROM +WITH +MAY +ENDS$/)
  expect(list.out).toMatch(new RegExp(`${first?.id} .* a token +look `))
  const one = printed()
  await revokeCommand(first?.id, { config }, one)
  expect(one.out).toBe('1 session ended\n')
  await expect(revokeCommand('nix', { config }, printed())).rejects.toThrow('there is no session "nix"')
  await expect(revokeCommand(undefined, { config }, printed())).rejects.toThrow('name a session, or --all')
  const rest = printed()
  await revokeCommand(undefined, { config, all: true, json: true }, rest)
  expect(rest.out).toBe('{"ended":2}\n')
  const none = printed()
  await sessionsCommand({ config }, none)
  expect(none.out).toBe('nobody is logged in to the page\n')
})

test('open says what is missing: a port, then a daemon; --set-up adds a line and leaves the rest', async () => {
  const { config } = await makeServer()
  const before = readFileSync(config, 'utf8')
  await expect(openCommand({ config }, printed())).rejects.toMatchObject({
    message: 'the page has no port: `http.listen` is not in the config',
    hint: expect.stringContaining('hdsync open --set-up writes'),
  })
  await expect(openCommand({ config, setUp: 'nowhere' }, printed())).rejects.toThrow('http.listen')
  expect(readFileSync(config, 'utf8')).toBe(before)
  await expect(openCommand({ config, setUp: '127.0.0.1:7299' }, printed())).rejects.toThrow(
    'no hdsync listens',
  )
  const { http } = await loadConfig({ path: config, env: {} })
  expect(http?.listen).toEqual({ host: '127.0.0.1', port: 7299 })
  expect(readFileSync(config, 'utf8').startsWith(before.trimEnd())).toBe(true)
})

test('open --set-up leaves an `http` that is there to its owner', async () => {
  const { config } = await makeServer('http: { hosts: [backup.example.org] }\n')
  await expect(openCommand({ config, setUp: true }, printed())).rejects.toMatchObject({
    message: `${config} has an \`http\` already, and is left as it is`,
    hint: 'add `listen: 127.0.0.1:7227` to it, then run hdsync open again',
  })
})
