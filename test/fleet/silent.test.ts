import { copyFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { credentialsText } from '../../runtime/host/fleet/credentials.ts'
import { newNkey } from '../../runtime/host/fleet/nkey.ts'
import { makeFleet, makeHost } from './fleet.ts'

test('a run ends where the NATS server accepts a connection and says nothing', async () => {
  let connections = 0
  const silent = createServer((socket) => {
    connections += 1
    socket.resume().on('error', () => {})
    onTestFinished(() => void socket.destroy())
  })
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void silent.close())
  const { port } = silent.address() as { port: number }
  const { folder } = await makeFleet('')
  const host = await makeHost(`tls://127.0.0.1:${port}`)
  copyFileSync(join(folder, 'fleet/hub/ca.pem'), join(host.folder, 'ca.pem'))
  const credentials = credentialsText({ host: 'web1', seed: newNkey().seed })
  writeFileSync(join(host.folder, 'credentials'), credentials, { mode: 0o600 })
  await host.ok(['run'])
  expect(connections).toBeGreaterThan(0)
})
