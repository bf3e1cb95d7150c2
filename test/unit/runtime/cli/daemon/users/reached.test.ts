import { chmodSync, mkdirSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { liveSources } from '../../../../../../runtime/backup/restore/known-points.ts'
import { isReached } from '../../../../../../runtime/cli/daemon/users/reached.ts'
import type { Config } from '../../../../../../runtime/config/config.ts'
import { temporaryFolder } from '../../../../temporary-folder.ts'

const ann = 12_345

/** `open/` and `shut/`, with a folder `data` in each. */
function make() {
  const top = temporaryFolder()
  chmodSync(top, 0o755)
  for (const [name, mode] of [
    ['open', 0o755],
    ['shut', 0o700],
  ] as const) {
    mkdirSync(join(top, name, 'data'), { recursive: true })
    chmodSync(join(top, name), mode)
  }
  const at = (path: string, below = '') => ({ at: join(top, path), below })
  return { top, at }
}

test('a source is reached where a user may enter all that lies above it', () => {
  const { at } = make()
  expect(isReached({ roots: [at('open/data')] }, ann)).toBe(true)
  expect(isReached({ roots: [at('shut/data')] }, ann)).toBe(false)
  expect(isReached({ roots: [at('shut/data'), at('open/data')] }, ann)).toBe(true)
  expect(isReached({ roots: [{ at: '/', below: '' }] }, ann)).toBe(true)
})

test('a source that is not seen now is reached by nobody', () => {
  const { at } = make()
  expect(isReached({ roots: [] }, ann)).toBe(false)
  expect(isReached({ roots: [at('open/gone')] }, ann)).toBe(false)
})

test('a folder of a source that is mounted in a public place does not open all of the source', () => {
  const { at } = make()
  expect(isReached({ roots: [at('shut/data'), at('open/data', 'pub')] }, ann)).toBe(false)
})

test('a public link does not open what it leads to', () => {
  const { top } = make()
  symlinkSync(join(top, 'shut/data'), join(top, 'open/link'))
  const sources = { home: { name: 'home', kind: 'path', path: join(top, 'open/link') } }
  const [source] = liveSources([], { sources } as unknown as Config)
  expect(source?.roots).toHaveLength(2)
  expect(isReached(source ?? { roots: [] }, ann)).toBe(false)
})

test('what is in backups alone, as it left the config, is reached by nobody', () => {
  const [source] = liveSources([{ source: 'old' }] as never, { sources: {} } as unknown as Config)
  expect(source).toEqual({ name: 'old', roots: [] })
  expect(isReached(source ?? { roots: [] }, ann)).toBe(false)
})
