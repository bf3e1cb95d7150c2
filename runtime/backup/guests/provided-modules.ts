import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { appRoot } from '../../app-root.ts'

/** As this very file has it: `.ts` in a checkout, `.js` in a build. */
const extension = import.meta.filename.endsWith('.ts') ? 'ts' : 'js'

/** A file of hdsync's in `runtime/`, by its name without extension. */
export function ownFile(name: string): string {
  return join(appRoot, 'runtime', `${name}.${extension}`)
}

/**
 * What functions of the user's import by name, and the files that they get, as URLs: those of the hdsync that runs them, as
 * events are compared by identity.
 */
export function providedModules(): ReadonlyMap<string, string> {
  return new Map([
    ['hdsync', pathToFileURL(ownFile('hdsync')).href],
    ['hdsync/testing', pathToFileURL(ownFile('testing')).href],
  ])
}
