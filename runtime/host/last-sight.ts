import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as z from 'zod'
import type { Target } from '../config/config.ts'
import { type Claims, claim, readClaims } from './target/claims.ts'
import { doorsOf } from './target/doors.ts'

const sight = z.lazy(() =>
  z.object({
    at: z.iso.datetime(),
    path: z.string(),
    doors: z.array(
      z.object({ kind: z.enum(['open', 'writable']), reason: z.string(), mend: z.array(z.string()) }),
    ),
    claims: z.array(z.tuple([z.string(), claim])),
  }),
)

/** Who could get at a target when it was last looked at, and whose the mirrors on it were. */
export type Sight = z.output<typeof sight>

type Place = Pick<Target, 'name' | 'path'>

/**
 * Notes how a target looks, for those who ask while it is not mounted. Safe to repeat: the last time counts. Where it cannot
 * be noted, as on a full disk, less can be told later.
 * @param state The state directory.
 * @param target It is mounted.
 * @returns Who else can get at it.
 */
export function noteSight(state: string, target: Place, now = Date.now()): Sight['doors'] {
  const doors = doorsOf(target.path, target.name)
  const seen: Sight = {
    at: new Date(now).toISOString(),
    path: target.path,
    doors,
    claims: [...claimsOn(target.path)],
  }
  const file = fileOf(state, target.name)
  try {
    mkdirSync(folderIn(state), { recursive: true, mode: 0o700 })
    writeFileSync(`${file}.new`, `${JSON.stringify(seen)}\n`, { mode: 0o600 })
    renameSync(`${file}.new`, file)
  } catch {
    // It is no reason to make no backup.
  }
  return doors
}

/** How a target looked the last time; undefined when that is not known, or was told of another folder. */
export function lastSight(state: string, { name, path }: Place): Sight | undefined {
  try {
    const seen = sight.parse(JSON.parse(readFileSync(fileOf(state, name), 'utf8')))
    return seen.path === path ? seen : undefined
  } catch {
    return undefined
  }
}

/** Claims that cannot be read are told of by whoever needs them. */
function claimsOn(path: string): Claims {
  try {
    return readClaims(path)
  } catch {
    return new Map()
  }
}

function folderIn(state: string): string {
  return join(state, 'targets')
}

function fileOf(state: string, target: string): string {
  return join(folderIn(state), `${target}.json`)
}
