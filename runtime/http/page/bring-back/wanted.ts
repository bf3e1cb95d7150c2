import { homedir } from 'node:os'
import { join } from 'node:path'
import type { Place } from '../../../backup/restore/place.ts'
import { restoreLine } from '../../../backup/restore/restore-line.ts'
import { Problem } from '../../problem.ts'

/** What somebody wants brought back, as the forms of the page say it. */
export interface Wanted {
  source: string
  /** The id of a restore point. */
  at: string
  /** Below the source; none for all of it. */
  paths: Buffer[]
  /** Undefined as long as nobody has said where to. */
  where: 'folder' | 'in-place' | undefined
  folder: string
  deletes: boolean
}

const mostPaths = 1000

/** Reads a form or an address. @throws {Problem} It says no source. */
export function wantedIn(form: URLSearchParams): Wanted {
  const source = form.get('source') ?? ''
  const at = form.get('at') ?? ''
  const paths = form.getAll('path').map((text) => Buffer.from(text, 'base64url'))
  // No source is called so: in a command it would be an option.
  if (source === '' || source.startsWith('-') || at === '' || paths.length > mostPaths)
    throw new Problem('invalid-restore', 'Choose what is to be brought back, from one source.')
  const where = form.get('where')
  const day = at.slice(at.indexOf('@') + 1)
  return {
    source,
    at,
    paths,
    where: where === 'folder' || where === 'in-place' ? where : undefined,
    folder: form.get('folder')?.trim() || join(homedir(), `${source}-${day}`),
    deletes: form.get('delete') !== null,
  }
}

/** What is wanted, place by place. */
function placesOf({ source, paths }: Wanted): Place[] {
  return (paths.length === 0 ? [Buffer.alloc(0)] : paths).map((path) => ({ source, path }))
}

/** The command that does the same, to be pasted. */
export function commandOf(wanted: Wanted): string {
  const { at, where, folder, deletes } = wanted
  return restoreLine(placesOf(wanted), {
    at,
    ...(where === 'in-place' && { inPlace: true }),
    ...(where === 'folder' && { to: folder }),
    delete: deletes,
  })
}

/** What the API takes for it; with the hash it is done. */
export function restoreBodyOf({ source, at, paths, where, folder, deletes }: Wanted, hash?: string): string {
  const places = paths.length === 0 ? [Buffer.alloc(0)] : paths
  return JSON.stringify({
    places: places.map((path) => ({ placeBase64: placeBytes(source, path).toString('base64') })),
    at,
    ...(where === 'in-place' ? { inPlace: true } : { to: folder }),
    ...(deletes && { delete: true }),
    ...(hash !== undefined && { hash }),
  })
}

function placeBytes(source: string, path: Buffer): Buffer {
  return path.length === 0 ? Buffer.from(source) : Buffer.concat([Buffer.from(`${source}:`), path])
}

/** The same as fields of a form. */
export function fieldsOf({
  source,
  at,
  paths,
  where,
  folder,
  deletes,
}: Wanted): [name: string, value: string][] {
  return [
    ['source', source],
    ['at', at],
    ...paths.map((path): [string, string] => ['path', path.toString('base64url')]),
    ...(where ? ([['where', where]] as [string, string][]) : []),
    ['folder', folder],
    ...(deletes ? ([['delete', 'yes']] as [string, string][]) : []),
  ]
}
