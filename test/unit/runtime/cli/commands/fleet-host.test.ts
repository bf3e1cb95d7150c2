import { readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { expect, test } from 'vitest'
import { emitCommand } from '../../../../../runtime/cli/commands/emit.ts'
import {
  firstLine,
  fleetJoinCommand,
  fleetSendCommand,
} from '../../../../../runtime/cli/commands/fleet-host.ts'
import { SqliteBus } from '../../../../../runtime/core/bus/sqlite/bus.ts'
import { holdLock, openDatabase } from '../../../../../runtime/core/bus/sqlite/database.ts'
import { newNkey } from '../../../../../runtime/host/fleet/nkey.ts'
import { temporaryFolder } from '../../../temporary-folder.ts'
import { makeServer, printed } from '../night.ts'

/** What is typed; it stays open, as a terminal does. */
function typing(isTTY: boolean, text: string) {
  const input = Object.assign(new PassThrough(), { isTTY })
  input.write(text)
  return input as unknown as NodeJS.ReadStream
}

test('a terminal is asked for the code, and ends it with Enter; a pipe is not asked', async () => {
  const [terminal, pipe] = [printed(), printed()]
  expect(await firstLine(typing(true, 'eyJ2\n'), terminal)).toBe('eyJ2')
  expect(terminal.err).toContain('the code')
  expect(await firstLine(typing(false, '\neyJ2\n'), pipe)).toBe('eyJ2')
  expect(pipe.err).toBe('')
  const empty = typing(false, '')
  ;(empty as unknown as PassThrough).end()
  expect(await firstLine(empty, pipe)).toBe('')
})

/** A host in a fleet whose server is not there. */
async function makeHost() {
  const keys = temporaryFolder()
  writeFileSync(join(keys, 'ca.pem'), 'none')
  writeFileSync(join(keys, 'credentials'), JSON.stringify({ host: 'web1', seed: newNkey().seed }), {
    mode: 0o600,
  })
  const { config, folder } = await makeServer(
    `fleet: { role: host, servers: ['tls://127.0.0.1:1'], credentialsFile: ${keys}/credentials, caFile: ${keys}/ca.pem }\n`,
  )
  // Something to tell, once there is a store that knows of the fleet.
  const send = async (io = printed()) => ({
    code: await fleetSendCommand({ config, within: '1s' }, io),
    ...io,
  })
  await send()
  const data = '{"unit":"hdsync.service","result":"start-limit-hit","exitStatus":"1"}'
  await emitCommand('unit.failed', { config, data }, printed())
  return { config, state: join(folder, 'state'), send }
}

test('fleet send begins no run that waits in the store', async () => {
  const { config, state, send } = await makeHost()
  await emitCommand('backup.start', { config }, printed())
  const { code, out, err } = await send()
  expect(code).toBe(1)
  expect(out).toContain('1 event still wait')
  expect(err).toContain('no connection to tls://127.0.0.1:1')
  const bus = new SqliteBus(openDatabase(state), state)
  expect(bus.open().filter((one) => one.function === 'backup.start')).toMatchObject([{ state: 'ready' }])
  bus.close()
})

test('fleet send leaves it to the process that is at work on the store', async () => {
  const { state, send } = await makeHost()
  const unlock = holdLock(state)
  const { code, err } = await send()
  unlock?.()
  expect([code, err]).toEqual([1, ''])
})

test('fleet join uses no code before it knows that it can write', async () => {
  const keys = temporaryFolder()
  writeFileSync(join(keys, 'file'), '')
  const { config } = await makeServer(
    `fleet: { role: host, servers: ['tls://127.0.0.1:1'], credentialsFile: ${keys}/file/credentials, caFile: ${keys}/ca.pem }\n`,
  )
  const code = { v: 1, host: 'web1', servers: ['tls://127.0.0.1:1'], ca: 'none', seed: newNkey().seed }
  const text = Buffer.from(JSON.stringify(code)).toString('base64url')
  await expect(fleetJoinCommand(text, { config }, printed())).rejects.toMatchObject({
    message: expect.stringContaining(`cannot write ${keys}/file/credentials: `),
    hint: 'nothing was handed in: the code is still good',
  })
  expect(readdirSync(keys)).toEqual(['file'])
})
