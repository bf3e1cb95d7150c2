import { globSync, readdirSync } from 'node:fs'
import { basename, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { anyFact } from '../../../events/any-fact.ts'
import { HdsyncError, UsageError } from '../../errors.ts'
import type { FunctionDefinition } from '../function.ts'
import { type RegisteredFunction, register } from './registry.ts'

/**
 * Loads the functions of the application itself: `.ts` or `.js` files in a folder and in the folders in it, each with a
 * `defineFunction()` as its default export, and named after the event that it handles. A folder that does not exist
 * holds no functions.
 * @throws {UsageError} A file cannot be loaded, or is named otherwise.
 */
export async function loadOwnFunctions(folder: string): Promise<RegisteredFunction[]> {
  const all = ['.', ...globSync('*/', { cwd: folder })]
  const found = (await Promise.all(all.map((inner) => loadFiles(filesIn(join(folder, inner)))))).flat()
  for (const { name, definition, file } of found) {
    if (definition.on.length === 1 && ![name, anyFact.type].includes(definition.on[0]?.type ?? '')) {
      throw new UsageError(`${file} handles ${definition.on[0]?.type}: the file must be named after it`)
    }
  }
  return found
}

/** What is done before functions of the user's are loaded. */
export interface UserFunctionOptions {
  /** Refuses what others may write: the folder, then each file. @throws It is not to be trusted. */
  check(path: string): Promise<void>
  /** Called once, where there are any files. */
  prepare(): Promise<void>
}

/**
 * Loads the functions of a user's folder. One that does not exist holds no functions.
 * @throws {UsageError} A file cannot be loaded. @throws What `check` throws.
 */
export async function loadUserFunctions(
  folder: string,
  { check, prepare }: UserFunctionOptions,
): Promise<RegisteredFunction[]> {
  const files = filesIn(folder)
  if (files.length === 0) return []
  await check(folder)
  await prepare()
  return loadFiles(files, check)
}

function filesIn(folder: string): string[] {
  try {
    return readdirSync(folder)
      .filter((name) => /\.[cm]?[jt]s$/.test(name) && !/\.(test|d)\.[cm]?ts$/.test(name))
      .sort()
      .map((name) => join(folder, name))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw new UsageError(`cannot read the functions in ${folder}: ${(error as Error).message}`)
  }
}

function loadFiles(
  files: readonly string[],
  check?: UserFunctionOptions['check'],
): Promise<RegisteredFunction[]> {
  return Promise.all(
    files.map(async (file) => {
      await check?.(file)
      return loadFile(file)
    }),
  )
}

async function loadFile(file: string): Promise<RegisteredFunction> {
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
