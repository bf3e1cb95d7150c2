import { expect, test } from 'vitest'
import { parseConfig } from '../../../../runtime/config/config.ts'
import { ConfigError } from '../../../../runtime/config/problem.ts'

const withLabels = (count: number) =>
  `fleet: { role: host, servers: ['tls://hub:4222'], labels: [${Array.from({ length: count }, (_, n) => `l${n}`).join(', ')}] }\n`

const sources = 'sources: { www: { path: /srv/www, target: disk } }\ntargets: { disk: { path: /mnt } }\n'

test('a host has no more labels than its hub takes', () => {
  expect(() => parse(100)).not.toThrow(/labels/)
  expect(() => parse(101)).toThrow(/fleet\.labels.*100 labels at most/)
})

test('a host waits for a slot for two hours unless told otherwise; a hub knows no server unless told', () => {
  const fleet = (text: string) =>
    parseConfig(`${sources}fleet: { ${text}, servers: ['tls://hub:4222'] }\n`, 'hdsync.yaml').fleet
  const slot = (text: string) => fleet(`role: host, slot: ${text}`)
  expect(slot('{ server: vault1 }')).toMatchObject({ slot: { server: 'vault1', patienceMs: 7_200_000 } })
  expect(slot('{ server: vault1, patience: 30m }')).toMatchObject({ slot: { patienceMs: 1_800_000 } })
  expect(fleet('role: host')).not.toHaveProperty('slot')
  expect(fleet('role: hub')).toMatchObject({ slots: {} })
  expect(fleet('role: hub, slots: { vault1: 8, nas-2: 1 }')).toMatchObject({
    slots: { vault1: 8, 'nas-2': 1 },
  })
})

function parse(count: number) {
  try {
    return parseConfig(withLabels(count), 'hdsync.yaml')
  } catch (error) {
    throw error instanceof ConfigError ? new Error(error.message) : error
  }
}
