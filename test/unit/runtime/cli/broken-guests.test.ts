import { appendFileSync, chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { makeServer, type Server } from './night.ts'
import { hdsync, serve } from './processes.ts'

/** @param name An event is declared once alone. */
const preamble = (name: string) => `
import { defineEvent, defineFunction, runStarted, sourceBefore, sourceSynced, z } from 'hdsync'
const big = defineEvent('my.${name}', z.any(), { external: true })
`
/** What a function is for, as the beginning of its definition. */
const kinds = {
  chain: 'on: runStarted, emits: [big],',
  aside: 'on: sourceSynced, emits: [big], aside: true,',
  gate: 'on: sourceBefore, emits: [],',
  schedule: `schedule: 'every 2s', emits: [big],`,
}
/** How it fails. */
const ways = {
  throws: `run() { throw new Error('kaputt') }`,
  strays: `run() { void fetch('http://127.0.0.1:1/') }`,
  exits: 'run() { process.exit(1) }',
  loops: 'run() { for (;;); }',
  never: 'run: () => new Promise(() => {})',
  key: `concurrency: { key: () => { throw new Error('key') } }, run() {}`,
  'leaves a program': `async run(_: any, { host }: any) { void host.program({ argv: ['sleep', '60'], timeoutMs: 99_000 }); throw new Error('left') }`,
}
/** Each way once at least, each kind twice; test/unit/runtime/core/guests has all of them. */
const functions: [kind: keyof typeof kinds, way: keyof typeof ways][] = [
  ['chain', 'exits'],
  ['chain', 'never'],
  ['aside', 'throws'],
  ['aside', 'strays'],
  ['aside', 'key'],
  ['gate', 'throws'],
  ['gate', 'loops'],
  ['schedule', 'throws'],
  ['schedule', 'leaves a program'],
]
/** Files that are left out. */
const unloadable = {
  syntax: 'export default {{{',
  missing: `import './nowhere.ts'\nexport default defineFunction({ ${kinds.aside} run() {} })`,
  noRun: `export default defineFunction({ on: runStarted, emits: [] } as any)`,
  noEvent: `export default defineFunction({ on: 'run.started', emits: [], run() {} } as any)`,
  noRetry: `export default defineFunction({ on: runStarted, emits: [], retry: { limit: 0 }, run() {} })`,
  exitsAtOnce: 'process.exit(3)',
}

/** A server on which a function of every kind fails in every way, with a hook that notes what it is told. */
async function makeBroken(): Promise<Server & { told(): string[] }> {
  const server = await makeServer()
  const [log, hook] = [join(server.folder, 'log'), join(server.folder, 'hook.sh')]
  writeFileSync(hook, `#!/bin/sh\necho "$HDSYNC_EVENT" >>${log}\n`)
  chmodSync(hook, 0o755)
  appendFileSync(server.config, `notify: [{ exec: [${hook}], on: [run.*, unit.failed, dead.*] }]\n`)
  const put = (name: string, text: string) =>
    writeFileSync(
      join(server.folder, 'functions', `${name}.ts`),
      preamble(name.toLowerCase().replaceAll(/[^a-z]/g, '')) + text,
      { mode: 0o600 },
    )
  for (const [kind, way] of functions) {
    const rest = `timeout: '1s', retry: { limit: 1 }, ${ways[way]}`
    put(
      `${kind}-${way.replaceAll(' ', '-')}`,
      `export default defineFunction({ ${kinds[kind]} ${rest} } as any)`,
    )
  }
  for (const [name, text] of Object.entries(unloadable)) put(`out-${name}`, text)
  return {
    ...server,
    told: () => (existsSync(log) ? readFileSync(log, 'utf8').trim().split('\n') : []),
  }
}

async function expectBackedUp(server: Server & { told(): string[] }): Promise<void> {
  const run = hdsync(server, 'run', '--json')
  const { code, out } = await run.ended
  expect(code, run.said()).toBe(3)
  const { state, sources } = JSON.parse(out)
  expect(state).toBe('degraded')
  expect(sources).toMatchObject([
    { source: 'home', state: 'degraded' },
    { source: 'www', state: 'degraded' },
  ])
  for (const name of ['home', 'www'])
    expect(readFileSync(join(server.folder, 'disk', name, 'file'), 'utf8')).toBe(name)
  // A daemon tells hooks of the end when the command that waits for it is already gone.
  await expect
    .poll(() => [...new Set(server.told())].sort())
    .toEqual(['dead.lettered', 'run.degraded', 'run.started', 'run.warned'])
}

test('a backup with a broken function of every kind mirrors every file, ends with 3, and hooks are told', async () => {
  await expectBackedUp(await makeBroken())
})

test('so does one that the daemon makes, which goes on and answers', async () => {
  const server = await makeBroken()
  const daemon = await serve(server)
  await expectBackedUp(server)
  const listed = hdsync(server, 'functions', '--json')
  const shown = JSON.parse((await listed.ended).out) as { name: string; error?: string }[]
  for (const name of Object.keys(unloadable))
    expect(shown.find((one) => one.name === `out-${name}`)).toMatchObject({ error: expect.any(String) })
  // Each that is left out, and each attempt that failed, is a line of its log.
  for (const name of Object.keys(unloadable)) await expect.poll(daemon.said).toContain(`out-${name}`)
  await expect.poll(daemon.said).toMatch(/aside-throws gave up source\.synced after 1 attempt: kaputt/)
  await expect.poll(daemon.said).toMatch(/schedule-throws gave up schedule\.due after 1 attempt: kaputt/)
  daemon.child.kill('SIGTERM')
  expect((await daemon.ended).code).toBe(0)
})
