import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { connectDaemon, type Daemon, submitTo } from '../../../../runtime/cli/daemon.ts'

const event = { type: 'backup.start', id: 'one', source: '/test', data: {} }
let folder: string
let server: Server
/** What was asked for, by whoever was hung up on too. */
let asked: string[]
let hangUps: number

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'hdsync-test-'))
  asked = []
  hangUps = 0
  server = createServer((incoming, outgoing) => {
    asked.push(`${incoming.method} ${incoming.url}`)
    if (hangUps > 0) {
      hangUps -= 1
      incoming.socket.destroy()
    } else outgoing.end(JSON.stringify({ run: 'r', duplicate: false }))
  })
  await new Promise<void>((resolve) => server.listen(join(folder, 'hdsync.sock'), resolve))
})
afterEach(() => {
  server.close()
  rmSync(folder, { recursive: true })
})

async function connected(): Promise<Daemon> {
  const daemon = await connectDaemon({
    state: folder,
    http: { socket: join(folder, 'hdsync.sock') },
  } as Parameters<typeof connectDaemon>[0])
  if (!daemon) throw new Error('there is one')
  asked = []
  return daemon
}

test('whoever meets a daemon that is just leaving asks the next one', async () => {
  hangUps = 2
  const daemon = await connected()
  hangUps = 1
  expect(await submitTo(daemon, event)).toEqual({ run: 'r', duplicate: false })
  expect(asked).toEqual(['POST /events', 'POST /events'])
})

test('what may not be done twice is not asked for twice', async () => {
  const daemon = await connected()
  hangUps = 1
  await expect(daemon.post('/dead/1/redrive')).rejects.toThrow('does not answer')
  expect(asked).toHaveLength(1)
})

test('one that always hangs up is reported', async () => {
  const daemon = await connected()
  hangUps = 9
  await expect(submitTo(daemon, event)).rejects.toThrow('does not answer')
  expect(asked).toHaveLength(4)
})
