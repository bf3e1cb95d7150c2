import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { configJsonSchema } from '../../../../runtime/config/json-schema.ts'

test('deploy/hdsync.schema.json is that of the config (npm run generate writes it)', () => {
  const file = join(import.meta.dirname, '../../../../deploy/hdsync.schema.json')
  expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual(configJsonSchema())
})
