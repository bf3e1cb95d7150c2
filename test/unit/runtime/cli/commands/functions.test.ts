import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { functionsCommand } from '../../../../../runtime/cli/commands/functions.ts'
import { makeServer, printed } from '../night.ts'

const root = join(import.meta.dirname, '../../../../..')
const own = `import { runFailed } from '${root}/events/index.ts'
import { defineFunction } from '${root}/runtime/backup/function.ts'
export default defineFunction({ on: runFailed, emits: [], timeout: '90s', retry: { limit: 5 }, run() {} })
`

describe('functions', () => {
  test('shows what handles what, and where it is from', async () => {
    const { config, folder } = await makeServer()
    const file = join(folder, 'functions', 'page.me.ts')
    writeFileSync(file, own)
    const io = printed()
    expect(await functionsCommand({ config }, io)).toBe(0)
    expect(io.out).toMatch(/^FUNCTION +ON +EMITS +TIMEOUT +ATTEMPTS +FROM\n/)
    expect(io.out).toMatch(
      /^snapshot\.mount +snapshot\.mount +sync\.run, snapshot\.create, +5m +1 +built in$/m,
    )
    expect(io.out).toMatch(new RegExp(`^page\\.me +run\\.failed +- +1m 30s +5 +${file}$`, 'm'))
    for (const line of io.out.split('\n'))
      if (line.endsWith('built in')) expect(line.length).toBeLessThan(115)

    const json = printed()
    await functionsCommand({ config, json: true }, json)
    const rows = JSON.parse(json.out)
    expect(rows.at(-1)).toEqual({
      name: 'page.me',
      on: ['run.failed'],
      emits: [],
      timeoutMs: 90_000,
      tries: 5,
      builtIn: false,
      file,
    })
    expect(rows).toContainEqual(expect.objectContaining({ name: 'sync.run', builtIn: true }))
  })
})
