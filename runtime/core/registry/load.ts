import { globSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { anyFact } from '../../../events/any-fact.ts'
import { UsageError } from '../../errors.ts'
import { checkDefinition } from '../guests/describe.ts'
import { functionFiles, functionName } from '../guests/load-files.ts'
import { type RegisteredFunction, register } from './registry.ts'

/**
 * Loads the functions of the application itself: `.ts` or `.js` files in a folder and in the folders in it, each with a
 * `defineFunction()` as its default export, and named after the event that it handles. A folder that does not exist
 * holds no functions.
 * @throws {UsageError} A file cannot be loaded, or is named otherwise.
 */
export async function loadOwnFunctions(folder: string): Promise<RegisteredFunction[]> {
  const all = ['.', ...globSync('*/', { cwd: folder })]
  const files = all.flatMap((inner) => functionFiles(join(folder, inner)))
  const found = await Promise.all(files.map(loadFile))
  for (const { name, definition, file } of found) {
    if (definition.on.length === 1 && ![name, anyFact.type].includes(definition.on[0]?.type ?? '')) {
      throw new UsageError(`${file} handles ${definition.on[0]?.type}: the file must be named after it`)
    }
  }
  return found
}

async function loadFile(file: string): Promise<RegisteredFunction> {
  try {
    const definition = checkDefinition((await import(pathToFileURL(file).href)).default)
    return register(functionName(file), definition, file)
  } catch (error) {
    throw new UsageError(`cannot load the function ${file}: ${(error as Error).message}`, { cause: error })
  }
}
