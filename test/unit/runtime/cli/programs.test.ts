import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { makeServer, type Server } from './night.ts'
import { hdsync, serve } from './processes.ts'

/** A server with one function; `$LOG` in it is a file. @returns What is in that file. */
async function makeServerWith(run: string, spec = ''): Promise<{ server: Server; log(): string[] }> {
  const server = await makeServer()
  const file = join(server.folder, 'log')
  const text = `import { existsSync } from 'node:fs'
import { defineEvent, defineFunction, z } from 'hdsync'
const go = defineEvent('dump.go', z.strictObject({}), { triggerable: true })
export default defineFunction({ on: go, emits: [], retry: { minDelayMs: 1, maxDelayMs: 1 }, ${spec} async run({ attempt, firstTry }, { host }) { ${run} } })`
  writeFileSync(join(server.folder, 'functions/dump.ts'), text.replaceAll('$LOG', file), { mode: 0o600 })
  const log = () => (existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n') : [])
  return { server, log }
}

/** Begins, and ends when it is let go or told to end. */
const slow = `host.program({ argv: ['sh', '-c', 'echo begin >>$LOG; while [ ! -e $LOG.go ]; do sleep 0.05; done; echo end >>$LOG'], timeoutMs: 60_000 })`

test('a program that a killed hdsync has left is ended before its function is attempted again', async () => {
  const { server, log } = await makeServerWith(`await ${slow}`)
  const first = await serve(server)
  await hdsync(server, 'emit', 'dump.go').ended
  await expect.poll(log).toEqual(['begin'])
  first.child.kill('SIGKILL')
  await first.ended
  const second = await serve(server)
  expect(second.said()).toMatch(/ends a program that an earlier hdsync has left running: sh -c echo begin/)
  await expect.poll(log).toEqual(['begin', 'begin'])
  writeFileSync(join(server.folder, 'log.go'), '')
  await expect.poll(log).toEqual(['begin', 'begin', 'end'])
  second.child.kill('SIGTERM')
  await second.ended
  expect(log()).toEqual(['begin', 'begin', 'end'])
})

test('a program of a function whose process has ended is ended before the next attempt', async () => {
  const { server, log } = await makeServerWith(`
    const argv = ['sh', '-c', "trap 'sleep 0.5; echo end >>$LOG; exit' TERM; echo begin >>$LOG; while :; do sleep 0.05; done"]
    if (!firstTry) return void await host.program({ argv: ['sh', '-c', 'echo again >>$LOG'], timeoutMs: 60_000 })
    void host.program({ argv, timeoutMs: 60_000 })
    // Not before it would hear of it.
    setInterval(() => existsSync('$LOG') && process.kill(process.pid, 'SIGKILL'), 20)
    await new Promise(() => {})`)
  const daemon = await serve(server)
  await hdsync(server, 'emit', 'dump.go').ended
  await expect.poll(log).toEqual(['begin', 'end', 'again'])
  daemon.child.kill('SIGTERM')
  await daemon.ended
})

test('a program that leaves a child behind with its output open has ended when it has ended', async () => {
  const { server, log } = await makeServerWith(`
    const { stdout } = await host.program({ argv: ['sh', '-c', 'sleep 1000 & echo $!'], timeoutMs: 60_000 })
    await host.program({ argv: ['sh', '-c', 'kill ' + stdout.trim() + ' && echo let be >>$LOG'], timeoutMs: 60_000 })`)
  await serve(server)
  await hdsync(server, 'emit', 'dump.go').ended
  await expect.poll(log).toEqual(['let be'])
})
