import { chmodSync, chownSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
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

const preamble = "import { defineEvent, defineFunction as def, runFailed, z } from 'hdsync'\n"

/** A folder of files that nobody else can write. */
function folderOf(files: Record<string, string>): string {
  const folder = temporaryFolder()
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text, { mode: 0o600 })
  return folder
}

const nowhere = '/nowhere/at/all'

/** Its process ends with the test. */
async function load(users: string, ours = nowhere) {
  const registry = await loadRegistry({ ours, users }, catalogue)
  onTestFinished(registry.close)
  return registry
}

/** The one file that is left out, and why. */
async function leftOut(users: string, ours = nowhere) {
  const { failures, functions } = await load(users, ours)
  expect(failures).toHaveLength(1)
  expect(functions.filter(({ guest, isAbsent }) => guest && !isAbsent)).toEqual([])
  return failures[0]
}

describe('loadRegistry()', () => {
  test('loads our own functions, each named after its event, and a folder that does not exist', async () => {
    const registry = await load(nowhere, ownFunctions)
    expect(registry.get('sync.run')).toMatchObject({ name: 'sync.run', timeoutMs: 7 * 24 * 3_600_000 })
    expect(registry.handlersOf('sync.run').map(({ name }) => name)).toEqual(['sync.run'])
    expect(registry.handlersOf('run.failed').map(({ name }) => name)).toEqual(['drill.late', 'notify.route'])
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
    expect(registry.handlersOf('run.failed').map(({ name }) => name)).toEqual([
      'drill.late',
      'notify.route',
      'page',
    ])
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
    ['a syntax error', 'export default defineFunction({', 'Expected'],
    [
      'a module that is not there',
      "import 'no-such-module-at-all'",
      "Cannot find package 'no-such-module-at-all'",
    ],
    ['code that throws', "throw new Error('no licence')", 'no licence'],
    [
      'a time that is none',
      source('runFailed', "emits: [], timeout: 'soon',"),
      'timeout soon is not a duration',
    ],
    ['no `emits`', source('runFailed', ''), '`emits`'],
    [
      'an event by its name',
      `export default {...def({ on: 'run.failed', emits: [], run() {} })}`,
      '`on` takes an event',
    ],
    ['no `run`', 'export default def({ on: runFailed, emits: [] })', '`run` is missing'],
    [
      'no tries',
      'export default def({ on: runFailed, emits: [], retry: { limit: 0 }, run() {} })',
      'retry.limit 0',
    ],
    [
      'none of a key at once',
      "export default def({ on: runFailed, emits: [], concurrency: { key: () => 'k', limit: 0 }, run() {} })",
      'concurrency.limit 0 is not a whole number from 1',
    ],
    [
      'an onBusy that is none',
      "export default def({ on: runFailed, emits: [], concurrency: { key: () => 'k', onBusy: 'drop' }, run() {} })",
      "concurrency.onBusy \"drop\" is none of 'wait', 'skip' and 'replace'",
    ],
    [
      'a debounce that is no duration',
      "export default def({ on: runFailed, emits: [], debounce: 'soon', run() {} })",
      'debounce "soon" is not a duration',
    ],
    [
      'a debounce that ends before it begins',
      "export default def({ on: runFailed, emits: [], debounce: { wait: '1m', longest: '30s' }, run() {} })",
      'debounce {"wait":"1m","longest":"30s"} is not a duration',
    ],
    [
      'an event of ours anew',
      "export default def({ on: defineEvent('run.failed', z.any()), emits: [], run() {} })",
      'it declares run.failed anew',
    ],
    [
      'a schema that is no JSON',
      "export default def({ on: defineEvent('my.day', z.object({ at: z.date() })), emits: [], run() {} })",
      'the schema of my.day cannot be told in JSON: Date',
    ],
    [
      'an event that nobody takes',
      "export default def({ on: runFailed, emits: [defineEvent('my.day', z.any())], run() {} })",
      'page emits my.day, which no function takes',
    ],
    ['a call of process.exit()', 'process.exit(3)', 'it called process.exit(3)'],
  ])("leaves out a user's file with %s, and says why", async (_, text, message) => {
    const users = folderOf({ 'page.ts': text.includes('def(') ? `${preamble}${text}` : text })
    const failure = await leftOut(users)
    expect(failure).toMatchObject({ name: 'page', file: join(users, 'page.ts') })
    expect(failure?.message).toContain(message)
  })

  test.each([
    ['page.ts', 'const x = 1\nexport default {{{', 2, 17],
    ['page.js', 'const x = 1\nexport default {{{', 2, 17],
    ['page.ts', "import { nope } from 'node:fs'\nexport default nope", 1, 10],
    ['page.ts', "const x = 1\n  throw new Error('no')", 2, 9],
  ])('tells the line and column in %s: %j', async (file, text, line, column) => {
    expect(await leftOut(folderOf({ [file]: text }))).toMatchObject({ line, column })
  })

  test.each([
    ['no run', 'def({ on: runFailed, emits: [] })'],
    ['a limit of 0', 'def({ on: runFailed, emits: [], retry: { limit: 0 }, run() {} })'],
    ['a name for an event', "def({ on: 'run.failed', emits: [], run() {} })"],
    [
      'a schema that is no JSON',
      "def({ on: defineEvent('my.day', z.object({ at: z.date() })), emits: [], run() {} })",
    ],
  ])('tells where a function is declared with %s', async (_, declaration) => {
    const text = `${preamble}\nconst page =\n  ${declaration}\nexport default page`
    const users = folderOf({ 'page.ts': text })
    const line = text.slice(0, text.indexOf('const page')).split('\n').length + 1
    expect(await leftOut(users)).toMatchObject({ file: join(users, 'page.ts'), line, column: 3 })
  })

  test('tells where a file that is imported is wrong', async () => {
    const users = folderOf({ 'page.ts': "import './lib/x.ts'" })
    mkdirSync(join(users, 'lib'))
    writeFileSync(join(users, 'lib/x.ts'), '\nexport default {{{', { mode: 0o600 })
    expect((await leftOut(users))?.message).toContain(`(${join(users, 'lib/x.ts')}:2:17)`)
  })

  test('loads what is beside a file that is left out', async () => {
    const users = folderOf({
      'a.ts': 'process.exit(1)',
      'b.ts': source(),
      'c.ts': '{{{',
      'd.ts': source('runHeld'),
    })
    const { failures, functions } = await load(users)
    expect(failures.map(({ name }) => name)).toEqual(['a', 'c'])
    expect(functions.map(({ name, isAbsent = false }) => [name, isAbsent])).toEqual([
      ['b', false],
      ['d', false],
      ['a', true],
      ['c', true],
    ])
  })

  test('leaves out the second of two that declare an event of one type, not two that share it', async () => {
    const one = (name: string) =>
      `${preamble}export default def({ on: defineEvent('${name}', z.any()), emits: [], run() {} })`
    const users = folderOf({
      'a.ts': one('my.day'),
      'b.ts': one('my.day'),
      'c.ts':
        "import { night } from './lib.mjs'\nimport { defineFunction } from 'hdsync'\nexport default defineFunction({ on: night, emits: [], run() {} })",
      'd.ts':
        "import { night } from './lib.mjs'\nimport { defineFunction } from 'hdsync'\nexport default defineFunction({ on: night, emits: [], run() {} })",
    })
    mkdirSync(join(users, 'lib'))
    writeFileSync(
      join(users, 'lib/night.ts'),
      "import { defineEvent, z } from 'hdsync'\nexport const night = defineEvent('my.night', z.any())",
      { mode: 0o600 },
    )
    for (const name of ['c.ts', 'd.ts']) {
      const text = readFileSync(join(users, name), 'utf8').replace('./lib.mjs', './lib/night.ts')
      writeFileSync(join(users, name), text)
    }
    const { failures, functions } = await load(users)
    expect(failures).toMatchObject([
      { name: 'b', message: expect.stringContaining('my.day is declared twice') },
    ])
    expect(functions.flatMap(({ name, isAbsent }) => (isAbsent ? [] : name))).toEqual(['a', 'c', 'd'])
  })

  test("leaves out a user's function of the name of one of ours", async () => {
    const users = folderOf({ 'sync.run.ts': source() })
    expect((await leftOut(users, ownFunctions))?.message).toContain(
      `two functions are named sync.run: ${join(ownFunctions, 'backup/sync.run.ts')} and ${join(users, 'sync.run.ts')}`,
    )
  })

  test("refuses a user's folder that is a file", async () => {
    const folder = folderOf({ functions: '' })
    await expect(load(join(folder, 'functions'))).rejects.toThrow(UsageError)
  })

  describe.skipIf(process.geteuid?.() !== 0)('as root', () => {
    const nobody = 65534

    test.each(['620', '602', '666'])('leaves out a file of mode %s', async (mode) => {
      const users = folderOf({ 'page.ts': source() })
      chmodSync(join(users, 'page.ts'), Number.parseInt(mode, 8))
      expect((await leftOut(users))?.message).toContain(
        `${join(users, 'page.ts')}: expected a file that only root`,
      )
    })

    test('leaves out a file of another owner, without loading it', async () => {
      const users = folderOf({ 'page.ts': "throw new Error('was loaded')" })
      chownSync(join(users, 'page.ts'), nobody, nobody)
      expect((await leftOut(users))?.message).toContain(
        `${join(users, 'page.ts')}: expected a file that root owns`,
      )
    })

    test('leaves out all of a folder that others can write, or that is of another owner', async () => {
      const users = folderOf({ 'page.ts': source() })
      chmodSync(users, 0o770)
      expect((await leftOut(users))?.message).toContain(`${users}: expected a file that only root can write`)
      chmodSync(users, 0o700)
      chownSync(users, nobody, nobody)
      expect((await leftOut(users))?.message).toContain(`${users}: expected a file that root owns`)
    })

    test('leaves out a function that imports what others can write: a file, its folder, what a link leads to', async () => {
      const users = folderOf({ 'page.ts': "import './lib/x.ts'" })
      const lib = join(users, 'lib')
      const elsewhere = join(folderOf({ 'x.ts': 'export {}' }), 'x.ts')
      mkdirSync(lib)
      symlinkSync(elsewhere, join(lib, 'x.ts'))
      chmodSync(elsewhere, 0o666)
      expect((await leftOut(users))?.message).toContain(
        `${elsewhere}: expected a file that only root can write`,
      )
      chmodSync(elsewhere, 0o600)
      chmodSync(dirname(elsewhere), 0o777)
      expect((await leftOut(users))?.message).toContain(`${dirname(elsewhere)}: expected`)
      rmSync(join(lib, 'x.ts'))
      writeFileSync(join(lib, 'x.ts'), 'export {}', { mode: 0o600 })
      chmodSync(lib, 0o777)
      expect((await leftOut(users))?.message).toContain(`${lib}: expected a file that only root can write`)
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
