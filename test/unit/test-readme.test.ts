import { existsSync, globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'

const root = join(import.meta.dirname, '../..')
const readme = readFileSync(join(root, 'test/README.md'), 'utf8')
const named = [...readme.matchAll(/`(test\/[^`*]+\.ts)`/g)].map(([, file = '']) => file)

test('test/README.md names tests that there are', () => {
  expect(named.length).toBeGreaterThan(10)
  expect(named.filter((file) => !existsSync(join(root, file)))).toEqual([])
})

test('test/README.md names every nightly test', () => {
  const nightly = globSync('test/**/*.nightly.test.ts', { cwd: root })
  expect(nightly.filter((file) => !named.includes(file))).toEqual([])
})
