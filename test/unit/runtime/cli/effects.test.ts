import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { runFailed } from '../../../../events/index.ts'
import { defineFunction } from '../../../../runtime/backup/function.ts'
import { sampleData } from '../../../../runtime/backup/sample.ts'
import { invokeCommand } from '../../../../runtime/cli/commands/functions-invoke.ts'
import { rehearse } from '../../../../runtime/testing.ts'
import { makeServer, printed } from './night.ts'

/** What a function may do without `host`, in a folder `at`; each by the import that it would use. */
const effects: [name: string, code: string][] = [
  ['fetch', `await fetch('http://127.0.0.1:1/')`],
  ['a connection', `http.get('http://127.0.0.1:1/')`],
  ['writeFileSync', `writeFileSync(at + '/new', '')`],
  ['writeFile', `await promises.writeFile(at + '/new', '')`],
  ['rename', `await rename(at + '/old', at + '/new')`],
  ['renameSync', `fs.renameSync(at + '/old', at + '/new')`],
  ['unlinkSync', `fs.unlinkSync(at + '/old')`],
  ['rm', `await promises.rm(at + '/old')`],
  ['mkdirSync', `mkdirSync(at + '/new')`],
  ['appendFile', `fs.appendFile(at + '/old', '', () => {})`],
  ['createWriteStream', `fs.createWriteStream(at + '/new')`],
  ['openSync', `fs.openSync(at + '/new', 'w')`],
  ['open', `await promises.open(at + '/old', 'a')`],
  ['execFileSync', `execFileSync('touch', [at + '/new'])`],
]

test('invoke without --execute refuses what a function does without host, and leaves reading alone', async () => {
  const { folder, config } = await makeServer()
  const at = join(folder, 'at')
  mkdirSync(at)
  writeFileSync(join(at, 'old'), '')
  const cases = effects.map(([name, code]) => `${JSON.stringify(name)}: async () => { ${code} },`).join('\n')
  writeFileSync(
    join(folder, 'functions/busy.ts'),
    `import { execFileSync } from 'node:child_process'
import fs, { mkdirSync, writeFileSync } from 'node:fs'
import promises, { rename } from 'node:fs/promises'
import http from 'node:http'
import { defineFunction, runFailed } from 'hdsync'
const at = ${JSON.stringify(at)}
const cases = { ${cases} }
export default defineFunction({ on: runFailed, emits: [], async run(_, { log }) {
  fs.readFileSync(at + '/old')
  await (await promises.open(at + '/old')).close()
  for (const [name, does] of Object.entries(cases)) {
    try { await does(); log.warn(name + ' was done') } catch (error) { log.info(error.message) }
  }
  await cases.fetch()
} })`,
  )
  const io = printed()
  const data = JSON.stringify(sampleData(runFailed))
  expect(await invokeCommand('busy', { data, config, json: true }, io)).toBe(1)
  const { log, outcome, error } = JSON.parse(io.out)
  const refused = (name: string) =>
    `${name.includes(' ') ? name : `${name}()`} is refused where nothing is executed: host.fetch and host.program are shown instead, and --execute does them`
  expect(log).toEqual(effects.map(([name]) => ({ level: 'info', message: refused(name) })))
  expect([outcome, error]).toEqual(['dead', refused('fetch')])
  expect(readdirSync(at)).toEqual(['old'])
})

test('with --execute all of it is done', async () => {
  const { folder, config } = await makeServer()
  const file = join(folder, 'new')
  writeFileSync(
    join(folder, 'functions/busy.ts'),
    `import { writeFileSync } from 'node:fs'
import { defineFunction, runFailed } from 'hdsync'
export default defineFunction({ on: runFailed, emits: [], run() { writeFileSync(${JSON.stringify(file)}, '') } })`,
  )
  const data = JSON.stringify(sampleData(runFailed))
  expect(await invokeCommand('busy', { data, config, execute: true }, printed())).toBe(0)
  expect(existsSync(file)).toBe(true)
})

test('host.fetch is shown and not done, and done with --execute', async () => {
  const heard: string[] = []
  const web = createServer((request, response) => {
    request.setEncoding('utf8').on('data', (text) => heard.push(`${request.method} ${request.url} ${text}`))
    request.on('end', () => response.writeHead(201, { 'x-kind': 'test' }).end('thanks'))
  })
  await new Promise<void>((resolve) => web.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void web.close())
  const url = `http://127.0.0.1:${(web.address() as AddressInfo).port}/chat`
  const { folder, config } = await makeServer()
  writeFileSync(
    join(folder, 'functions/chat.ts'),
    `import { defineFunction, runFailed } from 'hdsync'
export default defineFunction({ on: runFailed, emits: [], async run(_, { host, log }) {
  const { status, ok, text, headers } = await host.fetch('${url}', { method: 'POST', body: 'failed' })
  log.info([status, ok, text, headers['x-kind']].join())
  await host.fetch('http://127.0.0.1:1/secret', { timeoutMs: 5000 }).catch((error) => log.info(error.message))
} })`,
  )
  const data = JSON.stringify(sampleData(runFailed))
  const shown = printed()
  expect(await invokeCommand('chat', { data, config }, shown)).toBe(0)
  expect(shown.out).toContain(`fetch POST ${url} failed\ninfo: 200,true,,\n`)
  expect(heard).toEqual([])
  const done = printed()
  expect(await invokeCommand('chat', { data, config, execute: true, json: true }, done)).toBe(0)
  const { fetched, log } = JSON.parse(done.out)
  expect(heard).toEqual(['POST /chat failed'])
  expect(fetched[0]).toEqual({ url, method: 'POST', body: 'failed' })
  expect(log[0].message).toBe('201,true,thanks,test')
  expect(log[1].message).toMatch(/^GET 127\.0\.0\.1:1: .*(ECONNREFUSED|bad port)/)
})

test('rehearse refuses fetch and writes in the function alone, and answers host.fetch as the test says', async () => {
  const { folder } = await makeServer()
  const file = join(folder, 'new')
  const busy = defineFunction({
    on: runFailed,
    emits: [],
    async run(_, { host, log }) {
      const { ok, text } = await host.fetch('https://chat.example/hook', { method: 'POST', body: 'hello' })
      log.info(`${ok} ${text}`)
      writeFileSync(file, '')
    },
  })
  const { outcome, error, fetched, log } = await rehearse(busy, {
    on: runFailed,
    data: sampleData(runFailed) as never,
    respond: () => ({ status: 429, text: 'slow down' }),
  })
  expect(fetched).toEqual([{ url: 'https://chat.example/hook', method: 'POST', body: 'hello' }])
  expect(log[0]?.message).toBe('false slow down')
  expect([outcome, error]).toEqual(['dead', expect.stringContaining('writeFileSync() is refused')])
  writeFileSync(file, '')
})
