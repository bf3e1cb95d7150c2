import { describe, expect, test } from 'vitest'
import { makeFleet } from './fleet.ts'
import { natsServer } from './nats-server.ts'

const nats = await natsServer()
const program = 'program' in nats ? nats.program : ''
const missing = 'why' in nats ? `: skipped, ${nats.why}` : ''

describe.skipIf(missing)(`a fleet of two hosts${missing}`, () => {
  test('sees a night of each, whatever is killed in between', async () => {
    const hub = await makeFleet(program)
    await hub.broker.start()
    const daemon = await hub.serve()
    const web1 = await hub.host('web1')
    const web2 = await hub.host('web2')
    expect(await hub.status()).toMatchObject([
      { host: 'web1', state: 'waiting' },
      { host: 'web2', state: 'waiting' },
    ])
    await Promise.all([web1.ok(['run']), web2.ok(['run', 'home'])])
    expect((await web1.ok(['fleet', 'status', '--json'])).out).toContain('"waiting":0')
    expect(await hub.status()).toMatchObject([
      { host: 'web1', state: 'good', labels: ['web'], sources: [{ source: 'home' }, { source: 'www' }] },
      { host: 'web2', state: 'good', sources: [{ source: 'home', state: 'succeeded' }] },
    ])
    await hub.ok(['fleet', 'status'])
    await daemon.kill()
  })
})
