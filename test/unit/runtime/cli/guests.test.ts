import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { runCommand } from '../../../../runtime/cli/commands/run.ts'
import { makeServer, printed, type Server } from './night.ts'

const onStart = (run: string, options = '') => `import { defineFunction, runStarted } from 'hdsync'
export default defineFunction({ on: runStarted, emits: [], ${options} ${run} })`

/** Functions of a user's that fail in every way; a backup has to bear them all. */
const broken = {
  'aside.ts': onStart(`run() { throw new Error('kaputt') }`, 'aside: true,'),
  'chain.ts': onStart(`run() { process.exit(1) }`, 'retry: { limit: 1 },'),
  'key.ts': onStart('run() {}', 'concurrency: { key: () => { throw new Error() } },'),
  'loop.ts': onStart('run() { for (;;); }', `timeout: '1s', retry: { limit: 1 },`),
  'never.ts': onStart('run: () => new Promise(() => {})', `timeout: '1s', retry: { limit: 1 },`),
  'stray.ts': onStart(`run() { void Promise.reject(new Error('nobody')) }`),
  'syntax.ts': 'export default {{{',
}

/** A server with a hook that notes what it was told of. */
async function makeHooked(): Promise<Server & { told(): string[] }> {
  const server = await makeServer()
  const [log, hook] = [join(server.folder, 'log'), join(server.folder, 'hook.sh')]
  writeFileSync(hook, `#!/bin/sh\necho "$HDSYNC_EVENT" >>${log}\n`)
  chmodSync(hook, 0o755)
  writeFileSync(server.config, `notify: [{ exec: [${hook}], on: ['run.*', 'dead.*'] }]\n`, { flag: 'a' })
  return { ...server, told: () => (existsSync(log) ? readFileSync(log, 'utf8').split('\n') : []) }
}

test('a backup with a broken function of every kind mirrors every file, is degraded, and says so', async () => {
  const server = await makeHooked()
  for (const [file, text] of Object.entries(broken)) {
    writeFileSync(join(server.folder, 'functions', file), text, { mode: 0o600 })
  }
  const io = printed()
  expect(await runCommand([], { config: server.config, json: true }, io)).toBe(3)
  const { sources } = JSON.parse(io.out)
  expect(sources.map(({ state }: { state: string }) => state)).toEqual(['succeeded', 'succeeded'])
  for (const name of ['home', 'www']) {
    expect(readFileSync(join(server.folder, 'disk', name, 'file'), 'utf8')).toBe(name)
  }
  expect(server.told()).toEqual(expect.arrayContaining(['run.warned', 'run.degraded', 'dead.lettered']))
})

test('run --safe leaves all of them out', async () => {
  const server = await makeHooked()
  const sign = join(server.folder, 'ran')
  const text = `import { writeFileSync } from 'node:fs'\n${onStart(`run() { writeFileSync('${sign}', '') }`)}`
  writeFileSync(join(server.folder, 'functions/good.ts'), text, { mode: 0o600 })
  writeFileSync(join(server.folder, 'functions/bad.ts'), '{{{', { mode: 0o600 })
  expect(await runCommand([], { config: server.config, json: true, safe: true }, printed())).toBe(0)
  expect(existsSync(sign)).toBe(false)
  expect(await runCommand([], { config: server.config, json: true }, printed())).toBe(3)
  expect(existsSync(sign)).toBe(true)
})

test('a file that does not load gives up a directory that says so, and no other', async () => {
  const server = await makeServer()
  const text = readFileSync(server.config, 'utf8')
  writeFileSync(
    server.config,
    text.replace('home, target: disk', 'home, target: disk, gate: { onTimeout: give-up }'),
  )
  writeFileSync(join(server.folder, 'functions/dump.ts'), 'export default {{{')
  const io = printed()
  expect(await runCommand([], { config: server.config, json: true }, io)).toBe(1)
  expect(JSON.parse(io.out).sources).toMatchObject([
    {
      source: 'home',
      state: 'failed',
      error: expect.stringContaining('as dump failed: the function dump is left out'),
    },
    { source: 'www', state: 'succeeded' },
  ])
})
