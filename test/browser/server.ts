import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { promisify } from 'node:util'
import { makeMonth } from '../../deploy/dev/month.ts'
import { program } from '../unit/program.ts'

/** A server with nights behind it, whose daemon serves the page. */
export interface Served {
  folder: string
  origin: string
  /** What a command prints. */
  hdsync(...words: string[]): Promise<string>
  stop(): Promise<void>
}

/** Makes what is served, for a port. */
type Make = (folder: string, port: number) => Promise<unknown> | unknown

/** @param folder An empty one, or one that was made so before: then it is served as it is. */
export async function serve(folder: string, make: number | Make): Promise<Served> {
  const config = join(folder, 'hdsync.yaml')
  const known = existsSync(config)
    ? /listen: 127\.0\.0\.1:(\d+)/.exec(readFileSync(config, 'utf8'))?.[1]
    : undefined
  const port = known ? Number(known) : await freePort()
  if (!known && typeof make === 'number') await makeMonth({ folder, nights: make, port })
  else if (!known && typeof make !== 'number') await make(folder, port)
  const env = { ...process.env, HDSYNC_CONFIG: config }
  const daemon: ChildProcess = spawn(program, ['serve'], { env, stdio: 'ignore' })
  while (!existsSync(join(folder, 'state/hdsync.sock'))) {
    if (daemon.exitCode !== null) throw new Error(`hdsync serve has ended with ${daemon.exitCode}`)
    await pause(50)
  }
  return {
    folder,
    origin: `http://127.0.0.1:${port}`,
    hdsync: async (...words) => (await promisify(execFile)(program, words, { env })).stdout,
    async stop() {
      const ended = once(daemon, 'exit')
      daemon.kill()
      await ended
    },
  }
}

/** A port of this machine that nobody listens on. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  await new Promise((resolve) => server.close(resolve))
  return port
}
