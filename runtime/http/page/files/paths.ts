import { belowBase } from '../../page-paths.ts'
import { Problem } from '../../problem.ts'

/** A place in the backups, as an address has it. */
export interface FilePlace {
  source: string
  /** Below the source; empty for its own folder. */
  path: Buffer
}

/**
 * Reads the place out of an address such as `/files/var/mail/ann`. Names are bytes, which stand there percent-encoded.
 * @param pathname As it was sent, not decoded.
 * @param base What a reverse proxy puts before it.
 * @throws {Problem} A name in it is none: a way up, or one with a slash or NUL.
 */
export function placeIn(pathname: string, route: string, base?: string): FilePlace {
  const rest = belowBase(pathname, base).slice(route.length).split('/').filter(Boolean).map(decoded)
  const [source = Buffer.alloc(0), ...names] = rest
  if (rest.some(isNoName)) throw new Problem('unknown-path', 'There is nothing at this address.')
  return { source: source.toString(), path: joined(names) }
}

/** The address of a place. @param route Such as `/files`. */
export function addressOf(
  route: string,
  { source, path }: FilePlace,
  query: Record<string, string | undefined> = {},
): string {
  const given = Object.entries(query).flatMap(([key, value]) => (value ? [[key, value]] : []))
  const search = given.length > 0 ? `?${new URLSearchParams(given)}` : ''
  return [route, encodeURIComponent(source), ...splitPath(path).map(encoded)].join('/') + search
}

/** The names of a path; none of the source's own folder. */
export function splitPath(path: Buffer): Buffer[] {
  if (path.length === 0) return []
  return path
    .toString('latin1')
    .split('/')
    .map((name) => Buffer.from(name, 'latin1'))
}

/** The last name of a path. */
export function nameIn(path: Buffer): Buffer {
  return path.subarray(path.lastIndexOf('/') + 1)
}

/** The folder that a path lies in. */
export function folderOf(path: Buffer): Buffer {
  return path.subarray(0, Math.max(0, path.lastIndexOf('/')))
}

function joined(names: readonly Buffer[]): Buffer {
  return Buffer.from(names.map((name) => name.toString('latin1')).join('/'), 'latin1')
}

function decoded(segment: string): Buffer {
  const bytes = segment.replace(/%([\da-f]{2})/gi, (_, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 16)),
  )
  return Buffer.from(bytes, 'latin1')
}

function encoded(name: Buffer): string {
  return name
    .toString('latin1')
    .replace(/[^\w.~-]/g, (byte) => `%${byte.charCodeAt(0).toString(16).padStart(2, '0').toUpperCase()}`)
}

function isNoName(name: Buffer): boolean {
  return (
    name.equals(Buffer.from('..')) || name.equals(Buffer.from('.')) || name.includes(0) || name.includes('/')
  )
}
