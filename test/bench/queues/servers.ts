import { execFileSync, spawn } from 'node:child_process'
import { chmodSync, chownSync, existsSync, globSync, mkdirSync } from 'node:fs'
import { connect } from 'node:net'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

/** A server that runs for as long as it is compared with, on a socket in a folder of its own. */
export interface RunningServer {
  socket: string
  stop(): Promise<void>
}

/** nobody: PostgreSQL does not run as root. */
const nobody = { uid: 65_534, gid: 65_534 }
const asNobody = process.getuid?.() === 0 ? nobody : {}

/** Redis, whose every command is on the disk before it is answered. @returns undefined when it is not installed. */
export async function startRedis(folder: string): Promise<RunningServer | undefined> {
  const program = ['/usr/bin/redis-server', '/usr/local/bin/redis-server'].find((path) => existsSync(path))
  if (!program) return undefined
  const socket = join(folder, 'redis.sock')
  mkdirSync(folder, { recursive: true })
  const durable = ['--appendonly', 'yes', '--appendfsync', 'always', '--save', '']
  return start(program, ['--port', '0', '--unixsocket', socket, '--dir', folder, ...durable], socket)
}

/** PostgreSQL as it comes: `fsync` and `synchronous_commit` are on. @returns undefined when it is not installed. */
export async function startPostgres(folder: string): Promise<RunningServer | undefined> {
  const programs = globSync('/usr/lib/postgresql/*/bin').toSorted().at(-1)
  if (!programs) return undefined
  mkdirSync(folder, { recursive: true })
  chmodSync(dirname(folder), 0o711)
  if ('uid' in asNobody) chownSync(folder, nobody.uid, nobody.gid)
  const data = join(folder, 'data')
  const words = ['--pgdata', data, '--username', 'bench', '--auth', 'trust', '--no-sync']
  execFileSync(join(programs, 'initdb'), words, { ...asNobody, stdio: 'ignore', cwd: folder })
  const socket = join(folder, '.s.PGSQL.5432')
  return start(join(programs, 'postgres'), ['-D', data, '-k', folder, '-h', ''], socket, asNobody)
}

async function start(
  program: string,
  words: string[],
  socket: string,
  user: { uid?: number; gid?: number } = {},
): Promise<RunningServer> {
  const server = spawn(program, words, { ...user, stdio: 'ignore' })
  const gone = new Promise<void>((resolve) => server.once('exit', () => resolve()))
  for (let tries = 0; !(await answers(socket)); tries += 1) {
    if (server.exitCode !== null || tries > 200) throw new Error(`${program} does not start`)
    await sleep(50)
  }
  return {
    socket,
    async stop() {
      server.kill('SIGINT')
      await gone
    },
  }
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const connection = connect(path)
    connection.once('connect', () => {
      connection.destroy()
      resolve(true)
    })
    connection.once('error', () => resolve(false))
  })
}
