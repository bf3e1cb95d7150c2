import { readFileSync } from 'node:fs'
import { open, rename } from 'node:fs/promises'
import { join } from 'node:path'
import { nanoid } from 'nanoid'
import * as z from 'zod'
import { TerminalError } from '../errors.ts'

/** The file that makes a folder a target: without it, an empty mount point would look like one. */
export const markerFile = '.hdsync-target'

const marker = z.lazy(() => z.object({ id: z.string(), target: z.string(), adoptedAt: z.string() }))
export type Marker = z.output<typeof marker>

/** The marker of the target at this path, undefined when there is none. @throws {TerminalError} Unreadable. */
export function readMarker(path: string): Marker | undefined {
  const file = join(path, markerFile)
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw new TerminalError(`cannot read the marker ${file}: ${(error as Error).message}`)
  }
  try {
    return marker.parse(JSON.parse(text))
  } catch (error) {
    throw new TerminalError(`${file} is not a marker of hdsync`, {
      hint: 'if this is the right disk, remove the file and adopt the target again',
      cause: error,
    })
  }
}

/** Makes a folder a target. What is on it stays as it is. Safe to repeat. */
export async function writeMarker(path: string, target: string, now: number): Promise<Marker> {
  const content: Marker = { id: nanoid(12), target, adoptedAt: new Date(now).toISOString() }
  const file = join(path, markerFile)
  const temporary = `${file}.new`
  const handle = await open(temporary, 'w', 0o644)
  try {
    await handle.writeFile(`${JSON.stringify(content)}\n`)
    await handle.sync()
  } finally {
    await handle.close()
  }
  await rename(temporary, file)
  return content
}
