import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { backupStart } from '../../../../events/index.ts'
import { emitCommand } from '../../../../runtime/cli/commands/emit.ts'
import { type InProcess, workInProcess } from '../../../../runtime/cli/in-process.ts'
import { lineView } from '../../../../runtime/cli/view/lines.ts'
import { loadConfig } from '../../../../runtime/config/load.ts'
import { SqliteBus } from '../../../../runtime/core/bus/sqlite/bus.ts'
import { openDatabase } from '../../../../runtime/core/bus/sqlite/database.ts'
import { newNkey } from '../../../../runtime/host/fleet/nkey.ts'
import { temporaryFolder } from '../../temporary-folder.ts'
import { backUp, makeServer, printed } from './night.ts'

test('a process waits for the hub only where it has told something, and begins no run meanwhile', async () => {
  const keys = temporaryFolder()
  writeFileSync(join(keys, 'ca.pem'), 'none')
  writeFileSync(join(keys, 'credentials'), JSON.stringify({ host: 'web1', seed: newNkey().seed }), {
    mode: 0o600,
  })
  const server = await makeServer(
    `fleet: { role: host, servers: ['tls://127.0.0.1:1'], credentialsFile: ${keys}/credentials, caFile: ${keys}/ca.pem }\n`,
  )
  const config = await loadConfig({ path: server.config, env: {} })
  const inProcess = async (work: (here: InProcess) => Promise<number>) => {
    const io = printed()
    await workInProcess(config, lineView(io, 4), io, work)
    return io.err
  }
  // The hub is away, and what this one told waits.
  await backUp(server)
  expect(await inProcess(async () => 0)).not.toContain('no connection')

  let held: Promise<unknown> | undefined
  const told = await inProcess(async ({ engine, follow }) => {
    const { exitCode } = await follow(await engine.trigger(backupStart, {}))
    const { hold } = engine
    engine.hold = () => {
      hold.call(engine)
      held = emitCommand('backup.start', { config: server.config }, printed())
    }
    return exitCode
  })
  expect(told).toContain('no connection to tls://127.0.0.1:1')
  expect(held).toBeDefined()
  await held
  const bus = new SqliteBus(openDatabase(config.state), config.state)
  expect(bus.open()).toMatchObject([{ function: 'backup.start', state: 'ready' }])
  bus.close()
})
