import { globSync, readdirSync } from 'node:fs'
import { basename, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { anyFact, type EventDefinition, snapshotAfter, snapshotBefore } from '../../../events/index.ts'
import { appRoot } from '../../app-root.ts'
import { assertTrustedFile } from '../../config/trust.ts'
import { parseDuration } from '../../config/units.ts'
import { HdsyncError, UsageError } from '../../errors.ts'
import type { FunctionDefinition } from '../function.ts'
import type { RetryPolicy } from '../retry.ts'
import { builtIn } from './built-in.ts'
import { provideHdsync } from './user-functions.ts'

/** A function as the engine runs it. */
export interface RegisteredFunction {
  /** The name of its file: the event that it handles, for ours. */
  name: string
  file: string
  definition: FunctionDefinition
  timeoutMs: number
  retry: RetryPolicy
}

/** Which function takes which event. */
export interface Registry {
  functions: readonly RegisteredFunction[]
  get(name: string): RegisteredFunction | undefined
  handlersOf(type: string): readonly RegisteredFunction[]
  event(type: string): EventDefinition | undefined
  /** Every event that is known, ours and those of the user's functions. */
  events(): readonly EventDefinition[]
}

/** The folder of hdsync's own functions. */
export const ownFunctions = join(appRoot, 'functions')

const defaultRetry: RetryPolicy = { limit: 3, minDelayMs: 200, maxDelayMs: 30_000 }

/**
 * Loads every function of hdsync's own and of the user's folder, and checks that they fit together.
 * @param folders Folders of `.ts` or `.js` files (ours has them in folders of its own), each with a `defineFunction()`
 *   as its default export. One that does not exist holds no functions.
 * @throws {UsageError} A file cannot be loaded, is not trusted, or its function does not fit the others.
 */
export async function loadRegistry(
  folders: { ours: string; users: string },
  catalogue: ReadonlyMap<string, EventDefinition>,
): Promise<Registry> {
  const found =
    folders.ours === ownFunctions && builtIn ? fromBuild(builtIn) : await loadFolders(folders.ours)
  const ours = found.sort((one, other) => (one.name < other.name ? -1 : 1))
  const users = await loadFolder(folders.users, assertTrustedFile)
  for (const { name, definition, file } of ours) {
    if (definition.on.length === 1 && ![name, anyFact.type].includes(definition.on[0]?.type ?? '')) {
      throw new UsageError(`${file} handles ${definition.on[0]?.type}: the file must be named after it`)
    }
  }
  return createRegistry([...ours, ...users], catalogue)
}

/**
 * Puts functions together.
 * @throws {UsageError} Two functions share a name, or an event is emitted that nobody takes.
 */
export function createRegistry(
  functions: readonly RegisteredFunction[],
  catalogue: ReadonlyMap<string, EventDefinition>,
): Registry {
  const byName = new Map<string, RegisteredFunction>()
  const events = new Map(catalogue)
  for (const one of functions) {
    const types = one.definition.on.map(({ type }) => type)
    if (types.includes(snapshotBefore.type) && types.includes(snapshotAfter.type)) {
      throw new UsageError(`${one.name} handles both snapshot.before and snapshot.after (${one.file})`, {
        hint: 'write two functions, or one for snapshot.before that waits with snapshotTaken()',
      })
    }
    const twin = byName.get(one.name)
    if (twin) {
      throw new UsageError(`two functions are named ${one.name}: ${twin.file} and ${one.file}`, {
        hint: 'rename one of the files',
      })
    }
    byName.set(one.name, one)
    for (const event of [...one.definition.on, ...one.definition.emits]) {
      if (event !== anyFact && !events.has(event.type)) events.set(event.type, event)
    }
  }
  const byEvent = new Map<string, RegisteredFunction[]>()
  for (const one of functions) {
    for (const type of typesOf(one, events)) byEvent.set(type, [...(byEvent.get(type) ?? []), one])
  }
  for (const one of functions) {
    for (const event of one.definition.emits) {
      if (!event.external && !byEvent.has(event.type)) {
        throw new UsageError(`${one.name} emits ${event.type}, which no function takes (${one.file})`, {
          hint: 'write a function that takes it, or declare the event as external',
        })
      }
    }
  }
  return {
    functions,
    get: (name) => byName.get(name),
    handlersOf: (type) => byEvent.get(type) ?? [],
    event: (type) => events.get(type),
    events: () => [...events.values()],
  }
}

function typesOf({ definition: { on } }: RegisteredFunction, events: ReadonlyMap<string, EventDefinition>) {
  const facts = [...events.values()].filter(({ external }) => external && on.includes(anyFact))
  return new Set([...on.filter((event) => event !== anyFact), ...facts].map(({ type }) => type))
}

/** Makes a definition ready to run; for the registry's own loading and for tests. */
export function register(name: string, definition: FunctionDefinition, file = name): RegisteredFunction {
  const { spec } = definition
  const timeoutMs = parseDuration(spec.timeout ?? defaultTimeout(definition))
  if (timeoutMs === undefined) throw new UsageError(`${file}: timeout ${spec.timeout} is not a duration`)
  return { name, file, definition, timeoutMs, retry: { ...defaultRetry, ...spec.retry } }
}

/** At a gate it is the snapshot that decides how long it waits for a function: twice an hour at the most. */
function defaultTimeout({ on }: FunctionDefinition): string {
  return on.some(({ type }) => type === snapshotBefore.type) ? '3h' : '1m'
}

/** The file of each is there as well, for whoever imports it. */
function fromBuild(definitions: ReadonlyMap<string, FunctionDefinition>): RegisteredFunction[] {
  return [...definitions].map(([path, definition]) =>
    register(basename(path), definition, join(ownFunctions, `${path}.js`)),
  )
}

/** hdsync's own lie in folders by what they are for. */
async function loadFolders(folder: string): Promise<RegisteredFunction[]> {
  const all = ['.', ...globSync('*/', { cwd: folder })]
  return (await Promise.all(all.map((inner) => loadFolder(join(folder, inner))))).flat()
}

async function loadFolder(
  folder: string,
  check?: (path: string) => Promise<void>,
): Promise<RegisteredFunction[]> {
  let names: string[]
  try {
    names = readdirSync(folder)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw new UsageError(`cannot read the functions in ${folder}: ${(error as Error).message}`)
  }
  const files = names
    .filter((name) => /\.[cm]?[jt]s$/.test(name) && !/\.(test|d)\.[cm]?ts$/.test(name))
    .sort()
  // Whoever may write there would be root on the box.
  if (files.length > 0 && check) {
    await check(folder)
    await provideHdsync()
  }
  return Promise.all(files.map((name) => loadFile(join(folder, name), check)))
}

async function loadFile(file: string, check?: (path: string) => Promise<void>): Promise<RegisteredFunction> {
  await check?.(file)
  let definition: FunctionDefinition | undefined
  try {
    definition = (await import(pathToFileURL(file).href)).default
  } catch (error) {
    if (error instanceof HdsyncError) throw error
    throw new UsageError(`cannot load the function ${file}: ${(error as Error).message}`, { cause: error })
  }
  if (definition?.kind !== 'hdsync.function') {
    throw new UsageError(`${file}: its default export is not a defineFunction(...)`)
  }
  if (!Array.isArray(definition.emits)) {
    throw new UsageError(`${file}: \`emits\` is missing`, { hint: 'emits: [] if it emits nothing' })
  }
  return register(basename(file).replace(/\.[cm]?[jt]s$/, ''), definition, file)
}
