import { expect, test } from 'vitest'
import { parseConfig } from '../../../../runtime/config/config.ts'
import { ConfigError } from '../../../../runtime/config/problem.ts'

const withLabels = (count: number) =>
  `fleet: { role: host, servers: ['tls://hub:4222'], labels: [${Array.from({ length: count }, (_, n) => `l${n}`).join(', ')}] }\n`

test('a host has no more labels than its hub takes', () => {
  expect(() => parse(100)).not.toThrow(/labels/)
  expect(() => parse(101)).toThrow(/fleet\.labels.*100 labels at most/)
})

function parse(count: number) {
  try {
    return parseConfig(withLabels(count), 'hdsync.yaml')
  } catch (error) {
    throw error instanceof ConfigError ? new Error(error.message) : error
  }
}
