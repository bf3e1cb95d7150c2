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
  const statements = text.matchAll(/^(?:import|export)\s[^'"=(]*\bfrom '([^']+)'|^import '([^']+)'/gm)
  const calls = text.matchAll(/\bimport\('([^']+)'\)/g)
  return [...statements, ...calls].map(([, from, bare]) => (from ?? bare) as string)
}

/** The imports that do what must not be done, to be read when the test fails. */
function breaches(is: (one: Import) => boolean): string[] {
  return imports.filter(is).map(({ from, to }) => `${from} imports ${to}`)
}

const within = (path: string, ...places: string[]) => places.some((place) => path.startsWith(place))
const ours = ({ to }: Import) => within(to, 'events/', 'functions/', 'runtime/', 'test/')

/** Files beside the floors, that each of them may use. */
const neutral = ['app-root', 'errors', 'instant', 'nearest', 'progress', 'random', 'units'].map(
  (name) => `runtime/${name}.ts`,
)

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
  test('of events/ are zod, and each other', () => {
    expect(
      breaches(({ from, to }) => within(from, 'events/') && to !== 'zod' && !within(to, 'events/')),
    ).toEqual([])
  })

  test('of functions/ are the events, the decisions, what the core gives an author, and types of the host', () => {
    const allowed = [
      'events/index.ts',
      'runtime/backup/',
      'runtime/core/function.ts',
      'runtime/core/retry.ts',
      'runtime/config/lookup.ts',
      'runtime/config/event-pattern.ts',
      'runtime/errors.ts',
      'runtime/instant.ts',
      'runtime/weekday.ts',
      // Decisions that wait in the host for their place in backup/.
      'runtime/host/limits.ts',
      'runtime/host/mount/kernel-log.ts',
    ]
    const types = ['runtime/host/', 'runtime/config/config.ts']
    expect(
      breaches(
        ({ from, to, typeOnly }) =>
          within(from, 'functions/') && !within(to, ...allowed) && !(typeOnly && within(to, ...types)),
      ),
    ).toEqual([])
  })

  test('of the runtime do not name functions: it finds them', () => {
    expect(breaches(({ to }) => within(to, 'functions/'))).toEqual([])
  })

  test('of the command line are made by the command line alone', () => {
    expect(breaches(({ from, to }) => within(to, 'runtime/cli/') && !within(from, 'runtime/cli/'))).toEqual(
      [],
    )
  })

  test('of the engine below it are of types alone', () => {
    const below = ['runtime/core/bus/', 'runtime/host/', 'runtime/config/']
    const above = (path: string) =>
      within(path, 'runtime/core/', 'runtime/backup/') && !within(path, 'runtime/core/bus/')
    expect(breaches(({ from, to, typeOnly }) => !typeOnly && within(from, ...below) && above(to))).toEqual([])
  })

  test('of core/ are what every event has, and what knows neither backups nor their config', () => {
    const events = ['define', 'envelope', 'stored', 'any-fact'].map((name) => `events/${name}.ts`)
    const packages = ['node:', 'zod', 'nanoid']
    expect(
      breaches(
        ({ from, to }) =>
          within(from, 'runtime/core/') &&
          !within(to, 'runtime/core/', ...packages) &&
          ![...events, ...neutral].includes(to),
      ),
    ).toEqual([])
  })

  test('of what stands beside the floors are of nothing on them', () => {
    const packages = ['node:', 'nanoid', 'fastest-levenshtein']
    expect(
      breaches(({ from, to }) => neutral.includes(from) && !neutral.includes(to) && !within(to, ...packages)),
    ).toEqual([])
  })

  test('of the backup are never of HTTP', () => {
    expect(
      breaches(({ from, to }) => within(from, 'runtime/backup/') && within(to, 'runtime/http/')),
    ).toEqual([])
  })

  test('never reach from what is delivered into the tests', () => {
    expect(breaches((one) => ours(one) && within(one.to, 'test/'))).toEqual([])
  })

  test.each([
    ['execa', 'runtime/host/command/command.ts'],
    ['node:sqlite', 'runtime/core/bus/sqlite/database.ts'],
  ])('of %s are made by %s alone', (name, only) => {
    expect(breaches(({ from, to, typeOnly }) => to === name && !typeOnly && from !== only)).toEqual([])
    expect(imports).toContainEqual({ from: only, to: name, typeOnly: false })
  })

  test('of node:child_process are made by nobody', () => {
    expect(breaches(({ to }) => to === 'node:child_process' || to === 'child_process')).toEqual([])
  })

  test('of archive/pieces/ go through its one door', () => {
    const folder = 'runtime/host/archive/pieces/'
    const behind = ({ from, to }: Import) => within(to, folder) && !within(from, folder)
    expect(breaches((one) => behind(one) && one.to !== `${folder}pieces.ts`)).toEqual([])
  })

  test('of values form no circle', () => {
    expect(circles()).toEqual([])
  })
})

/** Each circle of value imports, by the way that leads around. */
function circles(): string[] {
  const graph = Map.groupBy(
    imports.filter(({ typeOnly }) => !typeOnly),
    ({ from }) => from,
  )
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
