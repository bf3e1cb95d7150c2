import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { conditions } from '../../../../../runtime/cli/checks/conditions.ts'
import { checkCommand } from '../../../../../runtime/cli/commands/check.ts'
import { printed } from '../night.ts'

const root = join(import.meta.dirname, '../../../../..')
const textOf = (pattern: string) =>
  globSync(pattern, { cwd: root })
    .filter((file) => !/conditions(\.test)?\.ts$/.test(file))
    .map((file) => readFileSync(join(root, file), 'utf8'))
    .join('\n')
const checks = textOf('runtime/cli/{commands/check,checks/*}.ts')
const tests = textOf('test/unit/runtime/cli/{commands/check.test,checks/*.test}.ts')

// That nothing else can be found, the types see to.
describe('each condition', () => {
  test.each(Object.keys(conditions))('%s can be found, and a test makes it happen', (id) => {
    expect(checks.includes(`'${id}'`)).toBe(true)
    // As a string by itself, or before what the finding is about.
    expect(tests.includes(`'${id}'`) || tests.includes(`'${id} `)).toBe(true)
  })
})

test('check --list prints them all', async () => {
  const [text, json] = [printed(), printed()]
  expect(await checkCommand({ list: true }, text)).toBe(0)
  expect(text.out.split('\n')).toHaveLength(Object.keys(conditions).length + 2)
  expect(text.out).toMatch(/^lvm\.few-free-extents +warning +a volume group has less room/m)
  expect(await checkCommand({ list: true, json: true }, json)).toBe(0)
  expect(JSON.parse(json.out)).toContainEqual({
    id: 'tool.missing',
    severity: 'error',
    meaning: 'a program is not installed',
  })
})

test('there are errors and warnings of more than 25 kinds', () => {
  expect(Object.values(conditions).filter(([severity]) => severity !== 'ok').length).toBeGreaterThan(25)
})
