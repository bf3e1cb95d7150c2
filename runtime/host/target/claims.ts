import { join } from 'node:path'
import * as z from 'zod'
import type { Target } from '../../config/config.ts'
import { TerminalError } from '../../errors.ts'
import { weekdays } from '../../weekday.ts'
import { extensions } from '../archive/archive-compression.ts'
import type { Owner } from './marker.ts'
import { Folder } from './safe-open.ts'

/**
 * The file beside the marker that says which store owns the mirrors and archives of each source: two hosts with the same
 * source names would overwrite each other's backups on one disk, and both report success.
 */
export const claimsFile = '.hdsync-mirrors'

/** Room for thousands of sources. */
const mostBytes = 1024 ** 2

/** As it is written. */
export const claim = z.lazy(() => z.object({ store: z.string(), host: z.string(), since: z.iso.datetime() }))
/** Whose the mirror and the archives of one source on a target are, and since when. */
export type Claim = z.output<typeof claim>

/** By the name of the source. */
export type Claims = Map<string, Claim>

/** What came of claiming the sources that a run is about to write. */
export interface Claimed {
  /** Those that belong to another store, and why they must not be written. */
  refused: Map<string, string>
  /** Those that nobody had claimed although something was there. */
  found: string[]
}

/** @throws {TerminalError} The file cannot be read, or is not what hdsync has written. */
export function readClaims(path: string): Claims {
  using folder = Folder.at(path)
  return folder ? claimsIn(folder) : new Map()
}

/**
 * Claims what sources have on a target, before anything is written there. Safe to repeat.
 * @param owner Who is about to write.
 * @param takeOver Whether what belongs to another store is claimed too.
 * @param now Milliseconds since the epoch.
 * @throws {TerminalError} The claims cannot be read or written.
 */
export function claimSources(
  target: Pick<Target, 'name' | 'path'>,
  sources: readonly string[],
  owner: Owner,
  { takeOver = false, now = Date.now() }: { takeOver?: boolean; now?: number } = {},
): Claimed & { taken: { source: string; from: Claim }[] } {
  using folder = Folder.existing(target.path)
  const claims = claimsIn(folder)
  const foreign = takeOver ? new Map<string, Claim>() : foreignOf(claims, sources, owner.store)
  const taken = [...foreignOf(claims, sources, owner.store)]
    .filter(([source]) => !foreign.has(source))
    .map(([source, from]) => ({ source, from }))
  const wanted = sources.filter((source) => !foreign.has(source) && claims.get(source)?.store !== owner.store)
  const found = wanted.filter((source) => !claims.has(source) && holdsAnything(folder, source))
  if (wanted.length > 0) {
    const since = new Date(now).toISOString()
    for (const source of wanted) claims.set(source, { store: owner.store, host: owner.host, since })
    // As an array of pairs: a source may be called like a property that every object has.
    folder.replace(claimsFile, `${JSON.stringify({ mirrors: [...claims] })}\n`, 0o600)
  }
  const refused = new Map(
    [...foreign].map(([source, by]) => [source, foreignText(source, target, by, owner)] as const),
  )
  return { refused, found, taken }
}

/** Gives up what a source has claimed on a target. Safe to repeat. @throws {TerminalError} The claims cannot be written. */
export function giveUpClaims(target: Pick<Target, 'path'>, source: string): void {
  using folder = Folder.existing(target.path)
  const claims = claimsIn(folder)
  if (!claims.delete(source)) return
  folder.replace(claimsFile, `${JSON.stringify({ mirrors: [...claims] })}\n`, 0o600)
}

/** Those of the sources that belong to another store. */
export function foreignOf(claims: Claims, sources: readonly string[], store: string): Claims {
  return new Map(
    sources.flatMap((source) => {
      const by = claims.get(source)
      return by && by.store !== store ? [[source, by] as const] : []
    }),
  )
}

/** Why a mirror must not be written, and what to do about it. */
export function foreignText(
  source: string,
  { name }: Pick<Target, 'name'>,
  by: Claim,
  { host }: Pick<Owner, 'host'>,
): string {
  return `${foreignReason(source, { name }, by, { host })} (${takeOverHint(name)})`
}

/** As `foreignText`, without what to do about it. */
export function foreignReason(
  source: string,
  { name }: Pick<Target, 'name'>,
  by: Claim,
  { host }: Pick<Owner, 'host'>,
): string {
  const whose =
    by.host === host
      ? `another hdsync of this host, or one whose state directory is gone (event store ${by.store})`
      : `host ${by.host} (event store ${by.store})`
  return `target ${name}: mirror and archives of ${source} belong to ${whose} since ${by.since}: nothing is written there`
}

/** The one command that makes mirrors ours. */
export function takeOverHint(target: string): string {
  return `if they are to be this host's, as after its state directory was replaced: hdsync target adopt ${target} --take-over; if not, give each host a folder of its own: \`path: …/%h\``
}

function claimsIn(folder: Folder): Claims {
  const file = join(folder.path, claimsFile)
  const hint = `look who made it; if it is of no use, remove it: the next run writes it anew`
  try {
    const text = folder.read(claimsFile, mostBytes)
    if (text === undefined) return new Map()
    return new Map(
      z.object({ mirrors: z.array(z.tuple([z.string(), claim])) }).parse(JSON.parse(text)).mirrors,
    )
  } catch (error) {
    const reason = error instanceof z.ZodError ? 'it is not what hdsync writes' : (error as Error).message
    throw new TerminalError(`cannot tell from ${file} whose the mirrors are: ${reason}`, {
      hint,
      cause: error,
    })
  }
}

/** Whether there is a mirror of that name with something in it, or an archive. */
function holdsAnything(folder: Folder, source: string): boolean {
  try {
    using mirror = folder.folder(source)
    if (mirror?.names().some((name) => name !== 'lost+found')) return true
  } catch {
    // The copy refuses anything else in its place.
    return true
  }
  return weekdays.some((weekday) => {
    try {
      using day = folder.folder(weekday)
      return Object.values(extensions).some((extension) => day?.look(`${source}${extension}`))
    } catch {
      return false
    }
  })
}
