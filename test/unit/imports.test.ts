import { globSync, readFileSync } from 'node:fs'
import { stripTypeScriptTypes } from 'node:module'
import { dirname, join, relative } from 'node:path'
import { describe, expect, test } from 'vitest'

interface Import {
  /** Path of the importing file, from the root. */
  from: string
  /** Path of a file of ours, or the name of a package. */
  to: string
  /** Gone when the types are stripped. */
  typeOnly: boolean
}

const root = join(import.meta.dirname, '../..')
const files = globSync('{events,functions,runtime}/**/*.ts', { cwd: root }).sort()
const imports = files.flatMap(importsOf)

function importsOf(from: string): Import[] {
  const text = readFileSync(join(root, from), 'utf8')
  const values = new Set(specifiersIn(stripTypeScriptTypes(text)))
  return specifiersIn(text).map((specifier) => ({
    from,
    to: specifier.startsWith('.') ? relative(root, join(root, dirname(from), specifier)) : specifier,
    typeOnly: !values.has(specifier),
  }))
}

function specifiersIn(text: string): string[] {
  const calls = text.matchAll(/\bimport\('([^']+)'\)/g)
  return [...statementsIn(text), ...[...calls].map(([, from]) => from as string)]
}

function statementsIn(text: string): string[] {
  const statements = text.matchAll(/^(?:import|export)\s[^'"=(]*\bfrom '([^']+)'|^import '([^']+)'/gm)
  return [...statements].map(([, from, bare]) => (from ?? bare) as string)
}

/** The imports that do what must not be done, to be read when the test fails. */
function breaches(is: (one: Import) => boolean): string[] {
  return imports.filter(is).map(({ from, to }) => `${from} imports ${to}`)
}

const within = (path: string, ...places: string[]) => places.some((place) => path.startsWith(place))
const ours = ({ to }: Import) => within(to, 'events/', 'functions/', 'runtime/', 'test/')

/** Each place, and what else it may import of ours: floors, whose arrows point down only. */
const neutral = [
  'app-root',
  'count',
  'errors',
  'fleet-protocol',
  'instant',
  'nearest',
  'plain-text',
  'progress',
  'shell-quote',
  'units',
  'vault-protocol',
  'version',
  'weekday',
].map((name) => `runtime/${name}.ts`)
/** What tells of events in words. */
const words = ['runtime/run-duration.ts', 'runtime/why-held.ts']
/** What the core has to know of events: how they are defined, wrapped and read, but none of them. */
const anyEvent = ['any-fact', 'define', 'envelope', 'schedule', 'stored'].map((name) => `events/${name}.ts`)
/** What functions of the user's own import by name, and their tests. */
const doors = ['runtime/hdsync.ts', 'runtime/testing.ts']
const config = ['runtime/config/', 'events/', ...words, ...neutral]
const backup = ['runtime/backup/', 'runtime/core/', 'runtime/host/', ...doors, ...config]
const floors: [place: string, mayImport: string[]][] = [
  ['runtime/cli/', ['runtime/cli/', 'runtime/http/', ...backup]],
  ['runtime/http/', ['runtime/http/', ...backup]],
  ['runtime/backup/', backup],
  ...doors.map((door): [string, string[]] => [door, backup]),
  ['runtime/core/', ['runtime/core/', ...anyEvent, ...neutral]],
  ['runtime/host/', ['runtime/host/', ...config]],
  ['runtime/config/', config],
  ...words.map((file): [string, string[]] => [file, ['events/', ...neutral]]),
  ...neutral.map((file): [string, string[]] => [file, neutral]),
  ['events/', ['events/']],
]

test('the imports are found', () => {
  const found = (from: string, to: string, typeOnly: boolean) =>
    expect(imports).toContainEqual({ from, to, typeOnly })
  found('events/facts.ts', 'events/define.ts', false)
  found('events/define.ts', 'zod', true)
  found('events/index.ts', 'events/commands.ts', false)
  found('runtime/backup/function.ts', 'runtime/config/config.ts', true)
  found('runtime/hdsync.ts', 'runtime/backup/summary.ts', false)
  found('functions/backup/sync.run.ts', 'runtime/backup/function.ts', false)
})

describe('imports', () => {
  test.each(floors)('of %s point down', (place, mayImport) => {
    expect(breaches((one) => within(one.from, place) && ours(one) && !within(one.to, ...mayImport))).toEqual(
      [],
    )
  })

  test('of every file are held to a floor', () => {
    expect(files.filter((file) => !within(file, 'functions/', ...floors.map(([place]) => place)))).toEqual([])
  })

  test('of functions/ are the events, what the core gives an author, the decisions, and types of the host', () => {
    const allowed = [
      'events/',
      'runtime/backup/',
      'runtime/core/function.ts',
      'runtime/core/retry.ts',
      ...neutral,
    ]
    expect(
      breaches(
        ({ from, to, typeOnly }) =>
          within(from, 'functions/') && !within(to, ...allowed) && !(typeOnly && within(to, 'runtime/host/')),
      ),
    ).toEqual([])
  })

  test('of the runtime do not name functions: it finds them', () => {
    expect(breaches(({ to }) => within(to, 'functions/'))).toEqual([])
  })

  test.each([
    ['events/', ['zod']],
    ['runtime/core/', ['zod', 'nanoid', 'croner']],
    ['functions/', []],
  ])('of %s need no other package than %j', (place, packages) => {
    const isForeign = (one: Import) => !ours(one) && !within(one.to, 'node:', ...packages)
    expect(breaches((one) => within(one.from, place) && isForeign(one))).toEqual([])
  })

  test('never reach from what is delivered into the tests', () => {
    expect(breaches((one) => ours(one) && within(one.to, 'test/'))).toEqual([])
  })

  test.each([
    [
      'execa',
      ['command', 'handed-over', 'in-terminal', 'lasting'].map((name) => `runtime/host/command/${name}.ts`),
    ],
    ['node:child_process', ['runtime/core/guests/effects.ts', 'runtime/core/guests/process.ts']],
    [
      'node:sqlite',
      ['runtime/core/bus/sqlite/database.ts', 'runtime/host/archive/catalogue/catalogue-file.ts'],
    ],
  ])('of %s are made by %j alone', (name, only) => {
    expect(breaches(({ from, to, typeOnly }) => to === name && !typeOnly && !only.includes(from))).toEqual([])
    for (const from of only) expect(imports).toContainEqual({ from, to: name, typeOnly: false })
  })

  test('of archive/pieces/ go through its one door', () => {
    const folder = 'runtime/host/archive/pieces/'
    const behind = ({ from, to }: Import) => within(to, folder) && !within(from, folder)
    expect(breaches((one) => behind(one) && one.to !== `${folder}pieces.ts`)).toEqual([])
  })

  test('of the suites that every bus passes, and of a run of the core, are of no backup', () => {
    const suites = [
      ...globSync('test/contract/{bus,hist,kill,model,steps,world,publication,worker,open-}*.ts', {
        cwd: root,
      }),
      ...['core.test', 'toys'].map((name) => `test/unit/runtime/core/${name}.ts`),
    ]
    const core = ['runtime/core/', ...anyEvent, ...neutral, 'test/contract/', 'test/unit/']
    const others = suites.flatMap(importsOf).filter((one) => ours(one) && !within(one.to, ...core))
    expect(others).toEqual([])
    expect(suites.length).toBeGreaterThan(10)
  })

  test('of `hdsync runs` are of no schema: to make them takes longer than to read past runs', () => {
    const loaded = loadedWith('runtime/cli/commands/runs.ts')
    expect(loaded).toContain('runtime/core/bus/sqlite/journal.ts')
    expect(loaded).not.toContain('zod')
  })

  test('of what reads a config are without what the hub of a fleet may set in one', () => {
    const loaded = loadedWith('runtime/config/load.ts')
    expect(loaded).toContain('runtime/config/fleet.ts')
    expect(loaded.filter((one) => one.includes('/pushed/'))).toEqual([])
  })

  test('form no circle, those of types included', () => {
    expect(circles()).toEqual([])
  })
})

test('no folder has more than twenty files', () => {
  const folders = Map.groupBy(files, (file) => dirname(file))
  const full = [...folders].filter(([, { length }]) => length > 20).map(([folder]) => folder)
  // To be removed as they are divided.
  const left = ['runtime/cli/checks', 'runtime/cli/commands', 'runtime/config']
  expect(full.filter((folder) => !left.includes(folder))).toEqual([])
})

test('no function has more than 120 lines', () => {
  const long = files.filter((file) => within(file, 'functions/') && linesOf(file) > 120)
  expect(long).toEqual([])
})

function linesOf(file: string): number {
  return readFileSync(join(root, file), 'utf8').split('\n').length - 1
}

/** What is loaded with a file, before any of it is called. */
function loadedWith(start: string): string[] {
  const loaded = new Set([start])
  for (const file of loaded) {
    if (!file.endsWith('.ts')) continue
    const values = statementsIn(stripTypeScriptTypes(readFileSync(join(root, file), 'utf8')))
    for (const one of values) loaded.add(one.startsWith('.') ? join(dirname(file), one) : one)
  }
  return [...loaded]
}

/** Each circle of imports, by the way that leads around. */
function circles(): string[] {
  const graph = Map.groupBy(imports, ({ from }) => from)
  const finished = new Set<string>()
  const found: string[] = []
  const visit = (file: string, way: string[]) => {
    if (way.includes(file)) found.push([...way.slice(way.indexOf(file)), file].join(' → '))
    if (finished.has(file) || way.includes(file)) return
    for (const { to } of graph.get(file) ?? []) visit(to, [...way, file])
    finished.add(file)
  }
  for (const file of files) visit(file, [])
  return found
}
