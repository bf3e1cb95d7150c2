import { cpSync, writeFileSync } from 'node:fs'
import { connect, createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { temporaryFolder } from '../unit/temporary-folder.ts'
import { freePort, type Machine, machineOf } from './fleet.ts'

/** A second hub of a fleet: the keys of the first, a store of its own, and no NATS server. @param server As it reaches that of the first. */
export async function standbyOf(
  { folder: first }: { folder: string },
  server: string,
  more = '',
): Promise<Machine> {
  const folder = temporaryFolder()
  const config = join(folder, 'hub.yaml')
  const text = `fleet: { role: hub, servers: ['${server}'], folder: ${folder}/fleet }
state: ${folder}/state
functions: ${folder}/functions
${more}`
  writeFileSync(config, text, { mode: 0o600 })
  cpSync(join(first, 'fleet/hub'), join(folder, 'fleet/hub'), { recursive: true })
  const machine = machineOf(folder, config)
  await machine.ok(['fleet', 'init', '--standby'])
  return machine
}

/** A way to a server that can be cut. */
export async function cuttable(server: string): Promise<{ server: string; cut(): void; mend(): void }> {
  const port = await freePort()
  const sockets = new Set<Socket>()
  let isCut = false
  const proxy = createServer((near) => {
    if (isCut) return void near.destroy()
    const far = connect(Number(new URL(server).port), '127.0.0.1')
    for (const socket of [near, far]) {
      sockets.add(socket)
      socket.on('error', () => {})
      socket.on('close', () => {
        sockets.delete(socket)
        near.destroy()
        far.destroy()
      })
    }
    near.pipe(far).pipe(near)
  })
  await new Promise<void>((resolve) => proxy.listen(port, '127.0.0.1', resolve))
  const cut = () => {
    isCut = true
    for (const socket of sockets) socket.destroy()
  }
  onTestFinished(() => {
    cut()
    proxy.close()
  })
  const mend = () => {
    isCut = false
  }
  return { server: `tls://127.0.0.1:${port}`, cut, mend }
}
