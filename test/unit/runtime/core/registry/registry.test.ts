import { chmodSync, chownSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { catalogue, snapshotAfter, snapshotBefore } from '../../../../../events/index.ts'
import { defineFunction } from '../../../../../runtime/backup/function.ts'
import { loadRegistry, ownFunctions } from '../../../../../runtime/backup/load-functions.ts'
import { createRegistry, register } from '../../../../../runtime/core/registry/registry.ts'
import { UsageError } from '../../../../../runtime/errors.ts'
import { temporaryFolder } from '../../../temporary-folder.ts'
import { registryOf } from '../../backup/bench.ts'
import { done, next, work } from '../../backup/events.ts'

const run = () => {}
const root = new URL('../../../../../', import.meta.url).pathname

/** The text of a function that handles a fact of ours. */
const source = (type = 'runFailed', options = 'emits: [],') => `
  import { ${type} } from '${root}events/index.ts'
  import { defineFunction } from '${root}runtime/backup/function.ts'
  export default defineFunction({ on: ${type}, ${options} run() {} })
`

/** A folder of files that nobody else can write. */
function folderOf(files: Record<string, string>): string {
  const folder = temporaryFolder()
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text, { mode: 0o600 })
  return folder
}

const nowhere = '/nowhere/at/all'
const load = (users: string, ours = nowhere) => loadRegistry({ ours, users }, catalogue)

describe('loadRegistry()', () => {
  test('loads our own functions, each named after its event, and a folder that does not exist', async () => {
    const registry = await load(nowhere, ownFunctions)
    expect(registry.get('sync.run')).toMatchObject({ name: 'sync.run', timeoutMs: 7 * 24 * 3_600_000 })
    expect(registry.handlersOf('sync.run').map(({ name }) => name)).toEqual(['sync.run'])
    expect(registry.handlersOf('run.failed').map(({ name }) => name)).toEqual(['notify.route'])
    expect(registry.event('backup.start')?.triggerable).toBe(true)
    expect(registry.event('no.such')).toBeUndefined()
    expect(registry.get('no.such')).toBeUndefined()
  })

  test("adds the user's functions, and passes over what is none", async () => {
    const users = folderOf({
      'page.ts': source(),
      'lamp.js': source('runHeld'),
      'page.test.ts': 'throw 1',
      'types.d.ts': 'declare const x: 1',
      'README.md': '#',
      '.page.ts.swp': '',
    })
    const registry = await load(users, ownFunctions)
    expect(registry.handlersOf('run.failed').map(({ name }) => name)).toEqual(['notify.route', 'page'])
    expect(registry.get('page')?.file).toBe(join(users, 'page.ts'))
    expect(registry.get('lamp')).toBeDefined()
  })

  test('knows an event that only a function of the user declares', async () => {
    const users = folderOf({
      'lamp.ts': `
        import { defineEvent } from '${root}events/index.ts'
        import { defineFunction } from '${root}runtime/backup/function.ts'
        import { z } from 'zod'
        export default defineFunction({ on: defineEvent('lamp.on', z.unknown()), emits: [], run() {} })
      `.replace("'zod'", `'${root}node_modules/zod/index.js'`),
    })
    expect((await load(users)).event('lamp.on')).toMatchObject({ type: 'lamp.on', external: false })
  })

  test('refuses a file of ours that is not named after its event', async () => {
    const ours = folderOf({ 'page.ts': source() })
    await expect(load(nowhere, ours)).rejects.toThrow(
      new UsageError(`${join(ours, 'page.ts')} handles run.failed: the file must be named after it`),
    )
  })

  test.each([
    ['no default export', 'export const x = 1', 'its default export is not a defineFunction(...)'],
    ['another default export', 'export default { on: 1 }', 'its default export is not a defineFunction(...)'],
    ['null as its default export', 'export default null', 'its default export is not a defineFunction(...)'],
    ['a syntax error', 'export default defineFunction({', 'cannot load the function'],
    ['a module that is not there', "import 'no-such-module-at-all'", 'cannot load the function'],
    ['code that throws', "throw new Error('no licence')", 'no licence'],
    [
      'a time that is none',
      source('runFailed', "emits: [], timeout: 'soon',"),
      'timeout soon is not a duration',
    ],
    ['no `emits`', source('runFailed', ''), '`emits`'],
  ])("refuses a user's file with %s, and names it", async (_, text, message) => {
    const users = folderOf({ 'page.ts': text })
    const refusal = await load(users).catch((error: unknown) => error)
    expect(refusal).toBeInstanceOf(UsageError)
    expect((refusal as Error).message).toContain(message)
    expect((refusal as Error).message).toContain(join(users, 'page.ts'))
  })

  test("refuses a user's function of the name of one of ours", async () => {
    const users = folderOf({ 'sync.run.ts': source() })
    await expect(load(users, ownFunctions)).rejects.toThrow(
      `two functions are named sync.run: ${join(ownFunctions, 'backup/sync.run.ts')} and ${join(users, 'sync.run.ts')}`,
    )
  })

  test("refuses a user's folder that is a file", async () => {
    const folder = folderOf({ functions: '' })
    await expect(load(join(folder, 'functions'))).rejects.toThrow(UsageError)
  })

  describe.skipIf(process.geteuid?.() !== 0)('as root', () => {
    const nobody = 65534

    test.each(['620', '602', '666'])('refuses a file of mode %s', async (mode) => {
      const users = folderOf({ 'page.ts': source() })
      chmodSync(join(users, 'page.ts'), Number.parseInt(mode, 8))
      await expect(load(users)).rejects.toThrow(`${join(users, 'page.ts')}: expected a file that only root`)
    })

    test('refuses a file of another owner, without loading it', async () => {
      const users = folderOf({ 'page.ts': "throw new Error('was loaded')" })
      chownSync(join(users, 'page.ts'), nobody, nobody)
      await expect(load(users)).rejects.toThrow(`${join(users, 'page.ts')}: expected a file that root owns`)
    })

    test('refuses a folder that others can write', async () => {
      const users = folderOf({ 'page.ts': source() })
      chmodSync(users, 0o770)
      await expect(load(users)).rejects.toThrow(`${users}: expected a file that only root can write`)
    })

    test('refuses a folder of another owner', async () => {
      const users = folderOf({ 'page.ts': source() })
      chownSync(users, nobody, nobody)
      await expect(load(users)).rejects.toThrow(`${users}: expected a file that root owns`)
    })

    test('does not mind who may write a folder that has no functions in it', async () => {
      const users = folderOf({})
      mkdirSync(join(users, 'lib'))
      chmodSync(users, 0o777)
      expect((await load(users)).functions).toEqual([])
    })
  })
})

describe('createRegistry()', () => {
  test('refuses two functions of one name, and names both files', () => {
    const definition = defineFunction({ on: work, emits: [], run })
    const twins = [register('f', definition, '/a/f.ts'), register('f', definition, '/b/f.ts')]
    expect(() => createRegistry(twins, catalogue)).toThrow('two functions are named f: /a/f.ts and /b/f.ts')
  })

  test('refuses an event that is emitted and that no function takes, unless it is meant for outside', () => {
    const emitting = (event: typeof next | typeof done) =>
      registryOf({ 'test.work': defineFunction({ on: work, emits: [event], run }) })
    expect(() => emitting(next)).toThrow('test.work emits test.next, which no function takes')
    expect(() => emitting(done)).not.toThrow()
  })

  test('refuses a function on both sides of a gate: one would have to run when the run is cancelled, one not', () => {
    const both = defineFunction({ on: [snapshotBefore, snapshotAfter], emits: [], run })
    expect(() => registryOf({ both })).toThrow('both handles both snapshot.before and snapshot.after')
  })

  test('gives an event to all that take it, and several events to one that takes them', () => {
    const both = defineFunction({ on: [work, next], emits: [], run })
    const one = defineFunction({ on: work, emits: [], run })
    const registry = registryOf({ both, one })
    expect(registry.handlersOf('test.work').map(({ name }) => name)).toEqual(['both', 'one'])
    expect(registry.handlersOf('test.next').map(({ name }) => name)).toEqual(['both'])
    expect(registry.handlersOf('test.tidy')).toEqual([])
  })
})

describe('register()', () => {
  test('fills in a minute of time and three tries', () => {
    expect(register('f', defineFunction({ on: work, emits: [], run }))).toMatchObject({
      timeoutMs: 60_000,
      retry: { limit: 3, minDelayMs: 200, maxDelayMs: 30_000 },
    })
  })

  test('lets a snapshot decide how long it waits for a function', () => {
    const definition = defineFunction({ on: snapshotBefore, emits: [], run })
    expect(register('f', definition).timeoutMs).toBe(3 * 3_600_000)
  })

  test('keeps what a function says about its retries, and fills in the rest', () => {
    const definition = defineFunction({ on: work, emits: [], timeout: '1.5s', retry: { limit: 9 }, run })
    expect(register('f', definition)).toMatchObject({ timeoutMs: 1500, retry: { limit: 9, minDelayMs: 200 } })
  })
})
