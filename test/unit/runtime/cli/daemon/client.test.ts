import { createServer } from 'node:http'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { connectDaemon, type Daemon, submitTo } from '../../../../../runtime/cli/daemon/client.ts'
import { temporaryFolder } from '../../../temporary-folder.ts'

const event = { type: 'backup.start', id: 'one', source: '/test', data: {} }

interface Server {
  /** What was asked for, by whoever was hung up on too. */
  asked: string[]
  /** How many more are hung up on. */
  hangUps: number
  connected(): Promise<Daemon>
}

async function startServer(): Promise<Server> {
  const state = temporaryFolder()
  const socket = join(state, 'hdsync.sock')
  const http = createServer((incoming, outgoing) => {
    server.asked.push(`${incoming.method} ${incoming.url}`)
    if (server.hangUps > 0) {
      server.hangUps -= 1
      incoming.socket.destroy()
    } else outgoing.end(JSON.stringify({ run: 'r', duplicate: false }))
  })
  onTestFinished(() => void http.close())
  const server: Server = {
    asked: [],
    hangUps: 0,
    async connected() {
      const daemon = await connectDaemon({ state, http: { socket } })
      if (!daemon) throw new Error('there is one')
      server.asked = []
      return daemon
    },
  }
  await new Promise<void>((resolve) => http.listen(socket, resolve))
  return server
}

test('whoever meets a daemon that is just leaving asks the next one', async () => {
  const server = await startServer()
  server.hangUps = 2
  const daemon = await server.connected()
  server.hangUps = 1
  expect(await submitTo(daemon, event)).toEqual({ run: 'r', duplicate: false })
  expect(server.asked).toEqual(['POST /events', 'POST /events'])
})

test('what may not be done twice is not asked for twice', async () => {
  const server = await startServer()
  const daemon = await server.connected()
  server.hangUps = 1
  await expect(daemon.post('/dead/1/redrive')).rejects.toThrow('does not answer')
  expect(server.asked).toHaveLength(1)
})

test('one that always hangs up is reported', async () => {
  const server = await startServer()
  const daemon = await server.connected()
  server.hangUps = 9
  await expect(submitTo(daemon, event)).rejects.toThrow('does not answer')
  expect(server.asked).toHaveLength(4)
})
