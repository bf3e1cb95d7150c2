import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** An event that a file of the user's exports. */
export interface ExportedEvent {
  type: string
  /** Name of the event's object. */
  constant: string
  /** The file, as the functions of the folder import it: `./lib/events.ts`. */
  from: string
}

const declaration = /export const (\w+)(?:\s*:[^=]+)?\s*=\s*defineEvent\(\s*['"]([^'"]+)['"]/g

/**
 * Finds the events that files in a folder of functions, and in the folders in it, declare and export. They are read as
 * text: one that no function names yet is found too.
 */
export function exportedEvents(folder: string): ExportedEvent[] {
  const files = globSync('{*,*/**/*}.ts', {
    cwd: folder,
    exclude: (path) => /node_modules|\.test\.ts$/.test(path),
  })
  return files
    .sort()
    .flatMap((file) =>
      [...readFileSync(join(folder, file), 'utf8').matchAll(declaration)].map(
        ([, constant = '', type = '']) => ({ type, constant, from: `./${file}` }),
      ),
    )
}
