import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { connect } from 'node:net'
import { join } from 'node:path'
import type { Figure } from './main.ts'
import { inFolder, ratio, skipped, timed } from './measure.ts'
import { plainSources, type Released, release } from './released.ts'

const bench = 'firstFunction'
const what = 'from a POST to the first function, in times of node -e 0'
const rounds = 11

/**
 * Does as systemd does for a socket: listens, and becomes the daemon once somebody has come; told to by a line, so
 * that what it takes itself is not counted.
 */
const activate = `
import os, socket, sys
s = socket.socket(socket.AF_UNIX)
s.bind(sys.argv[1])
s.listen(9)
print("bound", flush=True)
sys.stdin.readline()
os.dup2(s.fileno(), 3)
os.set_inheritable(3, True)
os.environ["LISTEN_PID"] = str(os.getpid())
os.environ["LISTEN_FDS"] = "1"
os.execv(sys.argv[2], sys.argv[2:])
`

/** How long somebody waits who asks for a backup while there is no daemon, until its first function runs. */
export async function firstFunction(): Promise<Figure[]> {
  if (spawnSync('python3', ['--version']).error) return [skipped(bench, what, 'python3 is not installed')]
  return inFolder(async (folder) => {
    const hdsync = await release(folder, plainSources(folder, 1))
    hdsync.run('target', 'adopt', 't')
    await awaken(hdsync, join(folder, 'warm'))
    const ratios: number[] = []
    for (let n = 0; n < rounds; n += 1) {
      const bareMs = await timed(async () => spawnSync(process.execPath, ['-e', '0']))
      ratios.push((await awaken(hdsync, join(folder, `wake${n}`))) / bareMs)
    }
    return [ratio(bench, what, ratios, { atMost: 6 })]
  })
}

/** @returns Milliseconds from the start of the daemon, for which a request waits, to the line that its run begins. */
async function awaken({ launcher, env }: Released, path: string): Promise<number> {
  const daemon = spawn('python3', ['-c', activate, path, launcher, 'serve'], { env })
  await once(daemon.stdout, 'data')
  const client = connect(path)
  await once(client, 'connect')
  const body = JSON.stringify({
    specversion: '1.0',
    id: path,
    source: '/bench',
    type: 'backup.start',
    data: {},
  })
  client.write(
    `POST /events HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/cloudevents+json\r\n` +
      `content-length: ${body.length}\r\n\r\n${body}`,
  )
  const startedAt = performance.now()
  daemon.stdin.write('\n')
  const begins = Promise.withResolvers<number>()
  const ends = Promise.withResolvers<void>()
  let text = ''
  const listen = (chunk: Buffer) => {
    text += chunk
    if (text.includes('begins:')) begins.resolve(performance.now())
    if (text.includes('run  succeeded')) ends.resolve()
  }
  daemon.stdout.on('data', listen)
  daemon.stderr.on('data', listen)
  const begunAt = await begins.promise
  await ends.promise
  // A daemon that ends waits a moment for those who are connected.
  client.destroy()
  daemon.kill()
  await once(daemon, 'exit')
  return begunAt - startedAt
}
