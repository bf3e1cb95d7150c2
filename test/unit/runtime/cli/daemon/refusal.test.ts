import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { appendFileSync, existsSync } from 'node:fs'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { expect, onTestFinished, test } from 'vitest'
import { connectDaemon } from '../../../../../runtime/cli/daemon/client.ts'
import { main } from '../../../program.ts'
import { makeServer, type Server } from '../night.ts'
import { serve } from '../processes.ts'

/** Wakes a daemon as systemd does: with a socket on which somebody waits, and which nobody else answers. */
async function wake({ config, folder }: Server) {
  const path = join(folder, 'woken.sock')
  const env = { ...process.env, HDSYNC_CONFIG: config, LISTEN_FDS: '1' }
  // Its process number has to be in its environment, and only the shell knows it beforehand.
  const words = ['-c', `LISTEN_PID=$$ exec ${process.execPath} ${main} serve`]
  const manager = `
    const socket = require('node:net').createServer().listen(${JSON.stringify(path)}, () => {
      const stdio = ['ignore', 'ignore', 'inherit', socket._handle.fd]
      process.exit(require('node:child_process').spawnSync('sh', ${JSON.stringify(words)}, { stdio }).status)
    })`
  const child = spawn(process.execPath, ['-e', manager], { env, stdio: ['ignore', 'ignore', 'pipe'] })
  onTestFinished(() => void child.kill('SIGKILL'))
  const code = once(child, 'close').then(([exitCode]) => exitCode as number)
  await expect.poll(() => existsSync(path)).toBe(true)
  return { path, code, said: text(child.stderr as NodeJS.ReadableStream) }
}

const causes: [string, (server: Server) => unknown, number, string][] = [
  ['has a wrong config', ({ config }) => appendFileSync(config, 'nonsense: 1\n'), 2, 'found "nonsense"'],
  ['finds another one at work', (server) => serve(server), 0, 'is at work on'],
]

for (const [what, prepare, code, reason] of causes) {
  test(`who wakes a daemon that ${what} is told so, and not kept waiting`, async () => {
    const server = await makeServer()
    await prepare(server)
    const woken = await wake(server)
    const refusal = connectDaemon({ state: server.folder, http: { socket: woken.path } })
    await expect(refusal).rejects.toMatchObject({ status: 503, message: expect.stringContaining(reason) })
    expect(await woken.code).toBe(code)
    expect(await woken.said).toContain(reason)
  })
}
