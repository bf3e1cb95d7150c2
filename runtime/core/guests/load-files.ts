import { readdirSync } from 'node:fs'
import { basename, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { EventDefinition } from '../../../events/define.ts'
import { UsageError } from '../../errors.ts'
import { declaredAt, type FunctionDefinition } from '../function.ts'
import { checkDefinition, DeclaredEvents, describe } from './describe.ts'
import type { Loaded, LoadFailure } from './messages.ts'
import { placeInStack, placeOf } from './place.ts'

/**
 * The files of a folder that may hold functions; tests and types are none.
 * @returns None where there is no such folder. @throws {UsageError} It cannot be read.
 */
export function functionFiles(folder: string): string[] {
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

/** The name of the function in a file. */
export function functionName(file: string): string {
  return basename(file).replace(/\.[cm]?[jt]s$/, '')
}

/**
 * What a file could not be loaded for.
 * @param exported What it has exported, if it came to that. @param loaded Every file that has been loaded.
 */
function failureOf(file: string, error: unknown, exported: unknown, loaded: readonly string[]): LoadFailure {
  const message = error instanceof Error ? error.message : String(error)
  const place =
    error instanceof UsageError ? placeInStack(declaredAt(exported) ?? '') : placeOf(error, loaded)
  if (place && place.file !== file) {
    return {
      name: functionName(file),
      file,
      message: `${message} (${place.file}:${place.line}:${place.column ?? 1})`,
    }
  }
  const where = place && { line: place.line, ...(place.column !== undefined && { column: place.column }) }
  return { name: functionName(file), file, message, ...where }
}

export interface LoadedFiles extends Pick<Loaded, 'functions' | 'events' | 'failures'> {
  definitions: ReadonlyMap<string, FunctionDefinition>
}

/**
 * Loads files one after the other; one that fails does not keep the others from being loaded.
 * @param options.loaded Every file that has been loaded.
 * @param options.announce Called before each file, and waited for: a file may end the process, or never end itself.
 */
export async function loadFiles(
  files: readonly string[],
  catalogue: ReadonlyMap<string, EventDefinition>,
  { announce, loaded }: { announce(file: string): Promise<void>; loaded: ReadonlySet<string> },
): Promise<LoadedFiles> {
  const definitions = new Map<string, FunctionDefinition>()
  const functions = []
  const failures: LoadFailure[] = []
  const declared = new DeclaredEvents(catalogue)
  for (const file of files) {
    await announce(file)
    let exported: unknown
    try {
      exported = (await import(pathToFileURL(file).href)).default
      const definition = checkDefinition(exported)
      declared.add(file, definition)
      const name = functionName(file)
      definitions.set(name, definition)
      functions.push(describe(name, file, definition))
    } catch (error) {
      failures.push(failureOf(file, error, exported, [...loaded]))
    }
  }
  return { definitions, functions, failures, events: declared.descriptions }
}
