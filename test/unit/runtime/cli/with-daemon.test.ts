import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { backUp, makeServer, type Server } from './night.ts'
import { hdsync, makeSlowServer, serve } from './processes.ts'

async function json(server: Server, ...args: string[]) {
  const { code, out } = await hdsync(server, ...args, '--json').ended
  return { code, ...(out && { answer: JSON.parse(out) }) }
}

test('emit hands the event to the daemon, which takes one of an id once', async () => {
  const server = await makeServer()
  await serve(server)
  const args = ['emit', 'backup.start', '--id', 'a', '--data', '{"sources":["www"]}']
  const { code, answer } = await json(server, ...args)
  expect(code).toBe(0)
  expect(answer).toEqual({ run: expect.any(String), id: 'a', duplicate: false, handledBy: 'daemon' })
  await expect
    .poll(async () => (await json(server, 'show', answer.run)).answer)
    .toMatchObject({ state: 'succeeded', sources: [{ source: 'www' }] })
  expect((await json(server, ...args)).answer).toEqual({ ...answer, duplicate: true })
})

test('emit tells why the daemon refuses, and what is near', async () => {
  const server = await makeServer()
  await serve(server)
  const refused = hdsync(server, 'emit', 'backup.strat')
  expect((await refused.ended).code).toBe(2)
  expect(refused.said()).toMatch(
    /^hdsync: there is no event "backup\.strat"\n {2}did you mean `backup\.start`\?\n$/,
  )
})

test('cancel has the daemon end a run, and waits for that', async () => {
  const server = await makeSlowServer()
  await serve(server)
  const { answer } = await json(server, 'emit', 'backup.start')
  const cancelled = await json(server, 'cancel', answer.run)
  expect(cancelled).toMatchObject({ code: 0, answer: { run: answer.run, state: 'cancelled' } })
})

test('redrive has the daemon take a dead letter up, and follows it; events and why tell of it', async () => {
  const server = await makeServer()
  rmSync(join(server.folder, 'www'), { recursive: true })
  await backUp(server)
  await serve(server)
  mkdirSync(join(server.folder, 'www'))
  writeFileSync(join(server.folder, 'www', 'file'), 'www')
  const { answer: letters } = await json(server, 'dead')
  const { code, answer } = await json(server, 'redrive', String(letters[0].id))
  expect(code).toBe(0)
  expect(answer).toMatchObject([{ restarted: true, state: 'succeeded' }])
  expect((await json(server, 'dead')).answer).toEqual([])
  const events = await hdsync(server, 'events', '--run', answer[0].run, '--type', 'run.*').ended
  expect(events.out.match(/run\.\w+/g)).toEqual(['run.started', 'run.succeeded'])
  expect((await json(server, 'why', 'www')).answer).toMatchObject({
    state: 'succeeded',
    lastGood: { run: answer[0].run },
  })
})

test('redrive tells why the daemon refuses, and what to do', async () => {
  const server = await makeServer()
  rmSync(join(server.folder, 'www'), { recursive: true })
  await backUp(server)
  writeFileSync(server.config, readFileSync(server.config, 'utf8').replace('www:', 'web:'))
  await serve(server)
  const { answer: letters } = await json(server, 'dead')
  const refused = hdsync(server, 'redrive', String(letters[0].id))
  expect((await refused.ended).code).toBe(2)
  expect(refused.said()).toMatch(/hdsync: there is no source "www" in .*\n {2}it has home, web\n$/)
})
