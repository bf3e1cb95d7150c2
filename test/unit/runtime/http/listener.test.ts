import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { renameSync, statSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { expect, onTestFinished, test } from 'vitest'
import { connectDaemon } from '../../../../runtime/cli/daemon/client.ts'
import { type ListenAddress, type ListenOptions, listen } from '../../../../runtime/http/listener.ts'
import { temporaryFolder } from '../../temporary-folder.ts'

async function open(address: ListenAddress, onActivity = () => {}) {
  const handle: ListenOptions['handle'] = ({ url }, outgoing, local) =>
    void outgoing.end(JSON.stringify({ path: url, local }))
  const listener = await listen({ address, handle, onActivity })
  onTestFinished(() => listener.close(0))
  return listener
}

const servesDescriptor3 = `
  import { listen } from ${JSON.stringify(join(import.meta.dirname, '../../../../runtime/http/listener.ts'))}
  const { address } = await listen({ address: { fd: 3 }, handle: (_, outgoing, local) => outgoing.end(JSON.stringify({ local })) })
  process.stdout.write(address)`

function daemonAt(socket: string) {
  return connectDaemon({ state: '/nowhere', http: { socket } })
}

test('a unix socket is for its owner and group alone, and what comes over it is local', async () => {
  const path = join(temporaryFolder(), 'folder', 'hdsync.sock')
  const listener = await open({ path })
  expect(listener.address).toBe(path)
  expect(statSync(path).mode & 0o777).toBe(0o660)
  expect(await (await daemonAt(path))?.get('/x')).toEqual({ path: '/x', local: true })
})

test('a port is not local', async () => {
  const { address } = await open({ host: '127.0.0.1', port: 0 })
  expect(await (await fetch(`http://${address}/y`)).json()).toEqual({ path: '/y', local: false })
})

test('a unix socket that was handed over is local', async () => {
  const path = join(temporaryFolder(), 'hdsync.sock')
  const opener = createServer().listen(`${path}.first`)
  await once(opener, 'listening')
  const { fd } = (opener as unknown as { _handle: { fd: number } })._handle
  const child = spawn(process.execPath, ['--input-type=module', '-e', servesDescriptor3], {
    stdio: ['ignore', 'pipe', 'inherit', fd],
  })
  onTestFinished(() => void child.kill())
  const [name] = await once(child.stdout as Readable, 'data')
  expect(String(name)).toBe('the socket of the service manager (3)')
  // Who opened it takes its name along when it leaves.
  renameSync(`${path}.first`, path)
  opener.close()
  expect(await (await daemonAt(path))?.get('/x')).toEqual({ local: true })
})

test('a socket that a dead process left is replaced, one that somebody listens on is not', async () => {
  const path = join(temporaryFolder(), 'hdsync.sock')
  const leave = `require('net').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 'SIGKILL'))`
  spawnSync(process.execPath, ['-e', leave])
  expect(statSync(path).isSocket()).toBe(true)
  await open({ path })
  await expect(open({ path })).rejects.toThrow(`another process listens on ${path}`)
})

test('a port that is taken is named', async () => {
  const { address } = await open({ host: '127.0.0.1', port: 0 })
  const again = open({ host: '127.0.0.1', port: Number(address.split(':')[1]) })
  await expect(again).rejects.toThrow(`cannot listen on ${address}: listen EADDRINUSE`)
})

test('a closing listener hangs up on those who stay', async () => {
  const path = join(temporaryFolder(), 'hdsync.sock')
  const seen: number[] = []
  const listener = await open({ path }, () => seen.push(listener.clients))
  const client = connect(path)
  await new Promise((resolve) => client.once('connect', resolve))
  client.write('GET / HTTP/1.1\r\n')
  while (listener.clients === 0) await new Promise((resolve) => setImmediate(resolve))
  await listener.close(0)
  expect(await text(client).catch(() => 'reset')).toMatch(/^$|reset|408/)
  expect(seen).toEqual([1, 0])
})

test('no daemon is found where nobody listens', async () => {
  const folder = temporaryFolder()
  writeFileSync(join(folder, 'file'), '')
  for (const path of ['none', 'file', 'file/below', 'x'.repeat(200)]) {
    expect(await daemonAt(join(folder, path))).toBeUndefined()
  }
})
