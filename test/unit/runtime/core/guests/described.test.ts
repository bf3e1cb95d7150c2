import {
  appendFileSync,
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { catalogue } from '../../../../../events/index.ts'
import { ownFile } from '../../../../../runtime/backup/guests/provided-modules.ts'
import { functionsCommand } from '../../../../../runtime/cli/commands/functions.ts'
import { loadGuests } from '../../../../../runtime/core/guests/guests.ts'
import { temporaryFolder } from '../../../temporary-folder.ts'
import { makeServer, printed } from '../../cli/night.ts'

/** A folder with a function that imports from beside it, from a folder in it, and from elsewhere; each load leaves a line. */
function makeFolder() {
  const folder = temporaryFolder()
  const elsewhere = temporaryFolder()
  const write = (file: string, text: string) => writeFileSync(join(folder, file), text, { mode: 0o600 })
  mkdirSync(join(folder, 'lib'))
  write('lib/words.ts', `export const word = 'one'\n`)
  writeFileSync(join(elsewhere, 'far.ts'), 'export const far = 1\n', { mode: 0o600 })
  writeFileSync(join(elsewhere, 'other.ts'), 'export const linked = 2\n', { mode: 0o600 })
  writeFileSync(join(elsewhere, 'linked.ts'), 'export const linked = 1\n', { mode: 0o600 })
  symlinkSync(join(elsewhere, 'linked.ts'), join(folder, 'lib/linked.ts'))
  write(
    'lamp.ts',
    `import { appendFileSync } from 'node:fs'
    import { defineFunction, runFailed } from 'hdsync'
    import { far } from '${elsewhere}/far.ts'
    import { linked } from './lib/linked.ts'
    import { word } from './lib/words.ts'
    appendFileSync('${elsewhere}/loads', word + far + linked + '\\n')
    export default defineFunction({ on: runFailed, emits: [], timeout: '9s', run() {} })\n`,
  )
  const kept = join(elsewhere, 'kept')
  const load = async (madeBy = 'this one') => {
    const guests = await loadGuests(folder, [], catalogue, {
      entry: ownFile('backup/guests/main'),
      memoryBytes: 2 ** 30,
      described: { file: kept, madeBy },
      warn: () => {},
    })
    onTestFinished(guests.close)
    return guests
  }
  const loads = () => readFileSync(join(elsewhere, 'loads'), 'utf8').split('\n').length - 1
  return { folder, elsewhere, kept, write, load, loads }
}

type Folder = ReturnType<typeof makeFolder>

describe('loadGuests()', () => {
  test('loads functions once, and knows what they are from then on', async () => {
    const { load, loads } = makeFolder()
    const first = await load()
    expect(loads()).toBe(1)
    const second = await load()
    expect(loads()).toBe(1)
    const shown = ({ functions }: typeof first) =>
      functions.map(({ name, timeoutMs, definition: { on } }) => [
        name,
        timeoutMs,
        on.map(({ type }) => type),
      ])
    expect(shown(second)).toEqual([['lamp', 9000, ['run.failed']]])
    expect(shown(second)).toEqual(shown(first))
    // With the first call its process starts.
    await second.functions[0]?.guest?.ready?.()
    expect(loads()).toBe(2)
  })

  test.each<[string, (folder: Folder) => void]>([
    ['a function', ({ folder }) => appendFileSync(join(folder, 'lamp.ts'), '// changed\n')],
    ['what it imports', ({ write }) => write('lib/words.ts', `export const word = 'two'\n`)],
    [
      'what it imports from elsewhere',
      ({ elsewhere }) => appendFileSync(join(elsewhere, 'far.ts'), '// changed\n'),
    ],
    [
      'where a link leads',
      ({ folder, elsewhere }) => {
        rmSync(join(folder, 'lib/linked.ts'))
        symlinkSync(join(elsewhere, 'other.ts'), join(folder, 'lib/linked.ts'))
      },
    ],
    ['who may write a file', ({ folder }) => chmodSync(join(folder, 'lib/words.ts'), 0o400)],
    [
      'the functions that there are',
      ({ folder, write }) => write('lamp2.js', readFileSync(join(folder, 'lamp.ts'), 'utf8')),
    ],
    ['how files are read', ({ write }) => write('package.json', '{ "type": "module" }')],
  ])('loads them again when %s has changed', async (_, change) => {
    const folder = makeFolder()
    await folder.load()
    change(folder)
    const before = folder.loads()
    await folder.load()
    expect(folder.loads()).toBeGreaterThan(before)
  })

  test('does not for a test, or for what is no code', async () => {
    const { load, loads, write } = makeFolder()
    await load()
    write('lamp.test.ts', 'throw 1')
    write('notes.md', '# lamp')
    write('state.json', '{}')
    write('.lamp.ts.swp', '')
    await load()
    expect(loads()).toBe(1)
  })

  test.each<[string, (kept: string) => void]>([
    ['damaged', (kept) => writeFileSync(kept, readFileSync(kept, 'utf8').replace('lamp', 'lump'))],
    ['cut off', (kept) => writeFileSync(kept, readFileSync(kept, 'utf8').slice(0, 100))],
    ['empty', (kept) => writeFileSync(kept, '')],
    ['gone', (kept) => rmSync(kept)],
  ])('loads them again when what was kept is %s, and keeps it anew', async (_, harm) => {
    const { load, loads, kept } = makeFolder()
    await load()
    harm(kept)
    expect((await load()).functions.map(({ name }) => name)).toEqual(['lamp'])
    expect(loads()).toBe(2)
    await load()
    expect(loads()).toBe(2)
  })

  test('loads them again for another hdsync', async () => {
    const { load, loads } = makeFolder()
    await load()
    await load('a later one')
    expect(loads()).toBe(2)
  })

  test('keeps nothing while one cannot be loaded: what it imports may come', async () => {
    const { load, kept, write } = makeFolder()
    write('bad.ts', `import './lib/missing.ts'`)
    expect((await load()).failures).toMatchObject([{ name: 'bad' }])
    expect(existsSync(kept)).toBe(false)
  })

  test('forgets what was kept when a file cannot be loaded any more though nothing of it has changed', async () => {
    const { load, kept, write } = makeFolder()
    write(
      'moody.ts',
      `if (process.env.HDSYNC_MOOD) throw new Error('not today')\nexport { default } from './lamp.ts'`,
    )
    await load()
    const guests = await load()
    process.env.HDSYNC_MOOD = 'bad'
    onTestFinished(() => void delete process.env.HDSYNC_MOOD)
    await guests.functions[0]?.guest?.ready?.()
    expect(existsSync(kept)).toBe(false)
    expect((await load()).failures).toMatchObject([{ name: 'moody', message: 'not today' }])
  })
})

test('`hdsync functions` starts no process where nothing has changed', async () => {
  const server = await makeServer()
  mkdirSync(join(server.folder, 'state'))
  const log = join(server.folder, 'loads')
  const text = `import { appendFileSync } from 'node:fs'
    import { defineFunction, runFailed } from 'hdsync'
    appendFileSync('${log}', 'loaded\\n')
    const concurrency = { key: () => 'k', limit: 3, onBusy: 'skip' } as const
    export default defineFunction({ on: runFailed, emits: [], concurrency, debounce: '30s', run() {} })`
  writeFileSync(join(server.folder, 'functions/lamp.ts'), text, { mode: 0o600 })
  const list = async () => {
    const io = printed()
    await functionsCommand({ config: server.config, json: true }, io)
    return JSON.parse(io.out).at(-1)
  }
  expect(await list()).toMatchObject({ name: 'lamp' })
  expect(await list()).toMatchObject({
    name: 'lamp',
    concurrency: { limit: 3, onBusy: 'skip' },
    debounce: { waitMs: 30_000, longestMs: 300_000 },
    builtIn: false,
  })
  expect(readFileSync(log, 'utf8')).toBe('loaded\n')
})
