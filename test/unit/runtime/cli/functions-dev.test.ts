import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { readPast } from '../../../../runtime/backup/past.ts'
import { testsFor } from '../../../../runtime/cli/dev/watch-folder.ts'
import { loadConfig } from '../../../../runtime/config/load.ts'
import { main } from '../../program.ts'
import { backUp, makeServer, type Server } from './night.ts'

const photos = `import { defineEvent, defineFunction, z } from 'hdsync'
const seen = defineEvent('photos.seen', z.strictObject({ n: z.int() }))
const counted = defineEvent('photos.counted', z.strictObject({ n: z.int() }), { external: true })
export { counted, seen }`

const look = (word: string) => `import { defineFunction } from 'hdsync'
import { counted, seen } from './lib/photos.ts'
export default defineFunction({ on: seen, emits: [counted], retry: { limit: 1 }, async run({ data }, { emit, host, log }) {
  if (data.n < 0) throw new Error('below zero')
  log.info('${word} ' + data.n)
  await host.program({ argv: ['touch', process.env.DEV_SIGN ?? ''], timeoutMs: 5000 })
  emit(counted, { n: data.n + 1 })
} })`

const tally = `import { defineFunction } from 'hdsync'
import { counted, seen } from './lib/photos.ts'
export default defineFunction({ on: counted, emits: [], run({ data }, { events, log }) {
  log.info('tally ' + data.n + ' of ' + events.ofRun(seen).map(({ data }) => data.n))
} })`

const tests = `import { test } from 'node:test'
test('looks well', () => {})`

async function makePhotos(): Promise<Server & { sign: string; put(file: string, text: string): void }> {
  const server = await makeServer()
  const put = (file: string, text: string) => writeFileSync(join(server.folder, 'functions', file), text)
  mkdirSync(join(server.folder, 'functions/lib'))
  put('lib/photos.ts', photos)
  put('look.ts', look('saw'))
  put('tally.ts', tally)
  return { ...server, sign: join(server.folder, 'sign'), put }
}

interface Dev {
  child: ChildProcess
  out(): string
  err(): string
  say(line: string): void
  ended: Promise<number | null>
}

function dev({ config, sign }: { config: string; sign: string }, ...options: string[]): Dev {
  const { NODE_TEST_CONTEXT: _, ...env } = process.env
  const words = [main, 'functions', 'dev', '--config', config, ...options]
  const child = spawn(process.execPath, words, { env: { ...env, DEV_SIGN: sign } })
  onTestFinished(() => void child.kill('SIGKILL'))
  const said = { out: '', err: '' }
  child.stdout.setEncoding('utf8').on('data', (text) => {
    said.out += text
  })
  child.stderr.setEncoding('utf8').on('data', (text) => {
    said.err += text
  })
  return {
    child,
    out: () => said.out,
    err: () => said.err,
    say: (line) => void child.stdin.write(`${line}\n`),
    ended: new Promise((resolve) => child.once('close', resolve)),
  }
}

/** Processes that were started with a config, or below such a process. */
function descendants(pid: number | undefined): string[] {
  return readdirSync('/proc').filter((name) => {
    try {
      return readFileSync(`/proc/${name}/stat`, 'utf8').split(') ')[1]?.split(' ')[1] === String(pid)
    } catch {
      return false
    }
  })
}

const patience = { timeout: 60_000 }

test('on a pipe: lines are delivered, what is emitted goes on, nothing is executed, and nothing is left', async () => {
  const photos = await makePhotos()
  const { ended, say, out, child } = dev(photos)
  say('photos.seen {"n":1}')
  child.stdin?.end()
  expect(await ended).toBe(0)
  expect(out()).toBe(`2 functions in ${photos.folder}/functions: look, tally
a line TYPE {json} delivers an event; Ctrl-C ends
photos.seen {"n":1}
  look
    info: saw 1
    $ touch ${photos.sign}
    emits photos.counted {"n":2}
    done
  photos.counted {"n":2}
    tally
      info: tally 2 of 1
      done
`)
  expect(existsSync(photos.sign)).toBe(false)
  expect(existsSync(join(photos.folder, 'state'))).toBe(false)
})

test('--execute does it', async () => {
  const photos = await makePhotos()
  const { ended, say, child } = dev(photos, '--execute')
  say('photos.seen {"n":1}')
  child.stdin?.end()
  expect(await ended).toBe(0)
  expect(existsSync(photos.sign)).toBe(true)
})

test('a delivery that fails ends with 1, a line that is not understood with 2, and the next one is delivered', async () => {
  const photos = await makePhotos()
  const first = dev(photos)
  first.say('photos.seen {"n":-1}')
  first.say('photos.seen {"n":5}')
  first.child.stdin?.end()
  expect(await first.ended).toBe(1)
  expect(first.out()).toContain('    failed: below zero\n')
  expect(first.out()).toContain('info: saw 5')

  const second = dev(photos)
  for (const line of ['photos.sen {}', 'photos.seen {n:1}', 'photos.seen {"n":"x"}', 'photos.seen {"n":6}'])
    second.say(line)
  second.child.stdin?.end()
  expect(await second.ended).toBe(2)
  expect(second.err()).toMatch(
    /there is no event "photos\.sen"\n {2}did you mean `photos\.seen`\?\nhdsync: this is not JSON: .*\n.*\nhdsync: the data does not fit photos\.seen: n: /,
  )
  expect(second.out()).toContain('info: saw 6')
})

test('a change loads the functions again, runs its test, and delivers the event of a file again; Ctrl-C ends all', async () => {
  const photos = await makePhotos()
  photos.put('look.test.ts', tests)
  const file = join(photos.folder, 'event.json')
  writeFileSync(file, '{ "type": "photos.seen", "data": { "n": 7 } }')
  const { out, child, ended } = dev(photos, '--event', file)
  await expect.poll(out, patience).toContain('info: saw 7')
  photos.put('look.ts', look('found'))
  await expect.poll(out, patience).toContain('info: found 7')
  expect(out()).toMatch(/look\.ts changed\n[\s\S]*looks well[\s\S]*info: found 7/)
  photos.put('look.ts', 'export default {{{')
  await expect.poll(out, patience).toContain('look is left out')
  const below = descendants(child.pid)
  expect(below).not.toEqual([])
  child.kill('SIGINT')
  expect(await ended).toBe(0)
  await expect.poll(() => below.filter((pid) => existsSync(`/proc/${pid}/exe`))).toEqual([])
})

test('--event last and --event ID deliver what is on record, with what came before it, and change nothing', async () => {
  const photos = await makePhotos()
  const run = await backUp(photos)
  photos.put(
    'after.ts',
    `import { defineFunction, runSucceeded, sourceSynced } from 'hdsync'
export default defineFunction({ on: runSucceeded, emits: [], run({ event }, { events, log }) {
  log.info('after ' + event.runid + ' ' + events.ofRun(sourceSynced).map(({ data }) => data.source).sort())
} })`,
  )
  const deliver = async (wish: string) => {
    const { ended, out, err, child } = dev(photos, '--event', wish)
    child.stdin?.end()
    return { code: await ended, out: out(), err: err() }
  }
  const last = await deliver('last')
  expect(last).toMatchObject({ code: 0, out: expect.stringContaining(`info: after ${run} home,www\n`) })
  const ids = await loadConfig({ path: photos.config, env: {} }).then((config) =>
    readPast(config, ({ bus }) => bus.events({ types: ['run.succeeded'] }).map(({ id }) => id)),
  )
  expect(ids).toHaveLength(1)
  expect(await deliver(String(ids[0]).slice(0, 12))).toEqual(last)
  expect(await deliver('zzz')).toMatchObject({
    code: 2,
    err: expect.stringContaining(
      'neither a file zzz nor an event of that id that a function of yours handles',
    ),
  })
})

test('--event last without any such event says so', async () => {
  const { child, ended, err } = dev(await makePhotos(), '--event', 'last')
  child.stdin?.end()
  expect(await ended).toBe(2)
  expect(err()).toContain('there is no event that a function of yours handles')
  expect(err()).toContain('photos.seen')
})

test('a function that never ends is ended by Ctrl-C with all else', async () => {
  const photos = await makePhotos()
  photos.put('look.ts', look('saw').replace('emit(', 'for (;;); emit('))
  const { out, say, child, ended } = dev(photos)
  say('photos.seen {"n":1}')
  await expect.poll(out, patience).toContain('info: saw 1')
  const below = descendants(child.pid)
  child.kill('SIGINT')
  expect(await ended).toBe(0)
  await expect.poll(() => below.filter((pid) => existsSync(`/proc/${pid}/exe`))).toEqual([])
})

test('testsFor() takes the tests of what has changed, and all where others may import it', () => {
  const tested = ['look', 'tally']
  expect(testsFor(['look.ts'], tested)).toEqual(['look'])
  expect(testsFor(['tally.test.ts', 'new.ts'], tested)).toEqual(['tally'])
  expect(testsFor(['lib/photos.ts'], tested)).toEqual(tested)
})
