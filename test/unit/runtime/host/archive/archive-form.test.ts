import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { testOf } from '../../../../../runtime/host/archive/archive-form.ts'
import { temporaryFolder } from '../../../temporary-folder.ts'

afterEach(() => vi.unstubAllEnvs())

describe('testOf() has zstd read in one thread', () => {
  test.each([
    ['where it knows the option', 'prints --no-asyncio in its help', ['--no-asyncio']],
    ['not where it is too old for that', 'knows nothing of it', []],
  ])('%s', (_, text, manner) => {
    const folder = temporaryFolder()
    writeFileSync(join(folder, 'zstd'), text, { mode: 0o755 })
    vi.stubEnv('PATH', `${folder}:${process.env.PATH}`)
    expect(testOf('zstd')).toEqual({ argv: ['zstd', '--quiet', '--test'], manner })
  })
})
