import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { type IncomingMessage, request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { bundle } from '../../../deploy/build/bundle.ts'
import { WebReceiver } from '../receivers/web.ts'
import { makeServer, type Server } from '../runtime/cli/night.ts'
import { holdCopies } from '../runtime/cli/processes.ts'

const folder = mkdtempSync(join(tmpdir(), 'hdsync-test-'))
const chunks = join(folder, 'runtime/chunks')
beforeAll(() => bundle(folder))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/**
 * Tells on standard error which files of the build a process has loaded. Once a file has been read, those that it imports
 * are still to be found: it is told of when all of that is done, which Node does in one turn of its loop.
 */
const telling = `data:text/javascript,import { registerHooks } from 'node:module';
registerHooks({
  load(url, context, next) {
    const loaded = next(url, context);
    setImmediate(() => console.error('loaded ' + url));
    return loaded;
  },
})`

/** A command of the build. */
function start(server: Server, command: string) {
  const child = spawn(
    process.execPath,
    ['--import', telling, join(folder, 'runtime/cli/main.js'), command, '--config', server.config],
    { env: { ...process.env, PATH: `${server.folder}/bin:${process.env.PATH}` } },
  )
  onTestFinished(() => void child.kill('SIGKILL'))
  let said = ''
  child.stderr.setEncoding('utf8').on('data', (part) => {
    said += part
  })
  return { child, said: () => said }
}

/** The daemon of the build, ready. */
async function serve(server: Server) {
  const daemon = start(server, 'serve')
  await expect.poll(daemon.said).toContain('ready on')
  return daemon
}

async function ask({ folder }: Server, method: string, path: string, body?: object) {
  const headers = { 'content-type': 'application/cloudevents+json' }
  const asked = request({ socketPath: join(folder, 'state/hdsync.sock'), method, path, headers })
  asked.end(body && JSON.stringify(body))
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    asked.once('response', resolve).once('error', reject)
  })
  return { status: response.statusCode, answer: JSON.parse(await text(response)) }
}

/** A file of the build, and those that are loaded with it. */
function loadedWith(name: string, files = new Set<string>()): Set<string> {
  const file = readdirSync(chunks).find((file) => file.startsWith(name))
  if (!file || files.has(file)) return files
  files.add(file)
  const imports = readFileSync(join(chunks, file), 'utf8').matchAll(/^(?:\} from|import.*) "\.\/([^"]+)";$/gm)
  for (const [, imported = ''] of imports) loadedWith(imported, files)
  return files
}

/** Waits until it copies, and has loaded these files of the build. */
async function atWork(server: Server, said: () => string, ...names: string[]): Promise<void> {
  for (const file of names.flatMap((name) => [...loadedWith(`${name}-`)]))
    await expect.poll(said).toContain(`/${file}`)
  await expect.poll(() => existsSync(join(server.folder, 'waiting'))).toBe(true)
}

/** What the package of another version does: files of this one are not there any more. */
function takeAway(): void {
  renameSync(chunks, `${chunks}.away`)
  onTestFinished(() => renameSync(`${chunks}.away`, chunks))
}

const toldOfSuccess = ({ url }: WebReceiver) =>
  makeServer(`notify:\n  - { ntfy: { url: ${url}, topic: t, allowPrivate: true }, on: [run.succeeded] }\n`)

test('a run whose files an upgrade has taken away ends well, and tells who is to be told', async () => {
  const receiver = await WebReceiver.start()
  const server = await toldOfSuccess(receiver)
  const copies = holdCopies(server)
  const { child, said } = start(server, 'run')
  await atWork(server, said, 'ntfy')
  takeAway()
  const ended = once(child, 'close')
  copies.letGo()
  expect(await ended, said()).toEqual([0, null])
  expect(receiver.heard).toHaveLength(1)
})

const backupStart = { specversion: '1.0', id: '1', source: '/test', type: 'backup.start', data: {} }

describe('a daemon whose files an upgrade has taken away', () => {
  test('ends the run that is going on, answers meanwhile, and tells who is to be told', async () => {
    const receiver = await WebReceiver.start()
    const server = await toldOfSuccess(receiver)
    const copies = holdCopies(server)
    const { said } = await serve(server)
    const { answer: taken } = await ask(server, 'POST', '/events', backupStart)
    await atWork(server, said, 'exposition', 'ntfy')
    takeAway()
    expect(await ask(server, 'GET', `/runs/${taken.run}`)).toMatchObject({ answer: { state: 'running' } })
    copies.letGo()
    await expect
      .poll(() => ask(server, 'GET', `/runs/${taken.run}`))
      .toMatchObject({ status: 200, answer: { state: 'succeeded' } })
    await expect.poll(() => receiver.heard.length).toBe(1)
  })

  test('says so to whoever asks for what it has not loaded, and goes on', async () => {
    const server = await makeServer()
    const { child } = await serve(server)
    takeAway()
    expect(await ask(server, 'GET', '/metrics')).toMatchObject({
      status: 503,
      answer: { detail: expect.stringMatching(/^a part of hdsync cannot be loaded: /) },
    })
    expect((await ask(server, 'GET', '/healthz')).status).toBe(200)
    expect((await ask(server, 'GET', '/runs')).status).toBe(200)
    expect(child.exitCode).toBeNull()
  })
})
