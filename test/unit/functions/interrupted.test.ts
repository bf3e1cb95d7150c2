import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'

const folder = join(import.meta.dirname, '../../../functions')
const files = globSync('*/*.ts', { cwd: folder }).sort()

test.each(files)('%s says what becomes of it when it is interrupted, and that is so', (name) => {
  const code = readFileSync(join(folder, name), 'utf8')
  const said = /Interrupted, it is (given up|done again)/.exec(code.replace(/\n \* /g, ' '))?.[1]
  expect(said).toBe(/^ {2}(always|aside): true/m.test(code) ? 'done again' : 'given up')
})
