import { join } from 'node:path'
import { nanoid } from 'nanoid'
import * as z from 'zod'
import { TerminalError } from '../../errors.ts'
import { Folder, inFolder } from './safe-open.ts'

/** The file that makes a folder a target: without it, an empty mount point would look like one. */
export const markerFile = '.hdsync-target'

/** Far more than a marker has. */
const mostBytes = 64 * 1024

const marker = z.lazy(() =>
  z.object({
    id: z.string(),
    target: z.string(),
    adoptedAt: z.string(),
    /** Who adopted it: the event store, and the name of the host then. Older versions did not write that. */
    store: z.string().optional(),
    host: z.string().optional(),
  }),
)
export type Marker = z.output<typeof marker>

/** Who adopts a target, or claims a mirror. */
export interface Owner {
  /** The event store; see `storeId`. */
  store: string
  /** The name of the host. */
  host: string
}

/** The marker of the target at this path, undefined when there is none. @throws {TerminalError} Unreadable. */
export function readMarker(path: string): Marker | undefined {
  using folder = Folder.at(path)
  if (!folder) return undefined
  const file = join(path, markerFile)
  let text: string | undefined
  try {
    text = folder.read(markerFile, mostBytes)
  } catch (error) {
    throw new TerminalError(`cannot read the marker ${file}: ${(error as Error).message}`, {
      hint: 'look who made it; if this is the right disk, remove it and adopt the target again',
    })
  }
  if (text === undefined) return undefined
  try {
    return marker.parse(JSON.parse(text))
  } catch (error) {
    throw new TerminalError(`${file} is not a marker of hdsync`, {
      hint: 'if this is the right disk, remove the file and adopt the target again',
      cause: error,
    })
  }
}

/**
 * Makes a folder a target. What is on it stays as it is. Safe to repeat.
 * @param id By which mirrors there are known; a new one unless given.
 */
export async function writeMarker(
  path: string,
  target: string,
  now: number,
  owner?: Owner,
  id = nanoid(12),
): Promise<Marker> {
  const content: Marker = { id, target, adoptedAt: new Date(now).toISOString(), ...owner }
  inFolder(path, (folder) => folder.replace(markerFile, `${JSON.stringify(content)}\n`, 0o644))
  return content
}
