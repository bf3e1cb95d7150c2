import { PassThrough, Writable } from 'node:stream'
import { expect, test } from 'vitest'
import { handOver } from '../../../../../runtime/host/command/handed-over.ts'

/** Hands a command over to a peer that reads nothing of what it writes, as behind a connection that is stalled. */
async function toDeafPeer(line: string, when: (peer: Writable, stop: AbortController) => void) {
  const stop = new AbortController()
  const output = new Writable({
    write() {
      when(output, stop)
    },
  })
  const peer = { input: new PassThrough(), output }
  return handOver(['sh', '-c', line], { cwd: '/', owner: 'test', signal: stop.signal, peer })
}

test('a command whose peer reads nothing is ended, and what it has written is waited for no more', async () => {
  const ended = await toDeafPeer('head -c 1000000 /dev/zero; exec sleep 600', (_, stop) => stop.abort())
  expect(ended.exitCode).not.toBe(0)
})

test('of a command that has ended nothing is written to a peer that is gone', async () => {
  // What fills no pipe lets it end by itself.
  const ended = await toDeafPeer('head -c 40000 /dev/zero; exit 3', (peer) => {
    setTimeout(() => peer.destroy(), 500)
  })
  expect(ended.exitCode).toBe(3)
})
