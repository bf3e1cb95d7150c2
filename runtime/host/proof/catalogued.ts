import { basename, dirname } from 'node:path'
import type { Target } from '../../config/config.ts'
import { archiveFile } from '../archive/archive-file.ts'
import { Catalogue, type CataloguedEntry } from '../archive/catalogue/catalogue.ts'
import { catalogueFolder } from '../archive/catalogue/catalogue-file.ts'
import { Shelf } from '../archive/shelf.ts'
import type { RestorePoint } from '../points/restore-point.ts'
import { Folder } from '../target/safe-open.ts'
import { damagedFiles, readLedger } from './ledger.ts'

/** The newest good archive of a source, with what its catalogue tells of it. */
export interface Catalogued extends Disposable {
  point: RestorePoint
  file: string
  /** When its mirror was read, in milliseconds since the epoch. */
  at: number
  /** Regular files with a digest, each once, in the order of `isAfter`. @param after Those behind this path alone. */
  files(after?: Buffer): Generator<CataloguedEntry>
  /** All names of a file. @param path The one that `files` tells. */
  namesOf(path: Buffer): [Buffer, ...Buffer[]]
}

/**
 * Opens the catalogue of a source at its newest archive that stands and is not known to be damaged.
 * @returns undefined where there is none.
 */
export async function openCatalogued(to: Target, source: string): Promise<Catalogued | undefined> {
  using folder = openFolder(to)
  const catalogue = folder && Catalogue.open(folder, source)
  if (!catalogue) return undefined
  const damaged = damagedFiles(readLedger(to.path, source))
  using shelf = new Shelf(to)
  for (const { seq, name, file, at } of catalogue.points().toReversed()) {
    const path = `${to.path}/${name}`
    if (damaged.has(file) || (await fileAt(shelf, path)) !== file) continue
    const kind = dirname(dirname(name)) === '.' ? 'weekday' : 'kept'
    const id = `${source}@${basename(dirname(name))}`
    const when = new Date(at).toISOString()
    return {
      point: { id, source, kind, at: when, target: to.name, path },
      file,
      at,
      *files(after) {
        for (const entry of catalogue.entries(seq)) {
          if (entry.type !== 'file' || entry.hardLinkTo || entry.sha256 === undefined) continue
          if (!after || isAfter(entry.path, after)) yield entry
        }
      },
      namesOf(path) {
        const others: Buffer[] = []
        for (const entry of catalogue.entries(seq))
          if (entry.hardLinkTo?.equals(path)) others.push(entry.path)
        return [path, ...others]
      },
      [Symbol.dispose]: () => catalogue[Symbol.dispose](),
    }
  }
  catalogue[Symbol.dispose]()
  return undefined
}

/** The order of a catalogue: by folder, then by name. */
function isAfter(path: Buffer, other: Buffer): boolean {
  const [one, two] = [path, other].map((each) => {
    const slash = each.lastIndexOf('/')
    return { folder: each.subarray(0, Math.max(slash, 0)), name: each.subarray(slash + 1) }
  }) as [Place, Place]
  const folders = Buffer.compare(one.folder, two.folder)
  return folders > 0 || (folders === 0 && Buffer.compare(one.name, two.name) > 0)
}

interface Place {
  folder: Buffer
  name: Buffer
}

function openFolder(to: Target): Folder | undefined {
  using root = Folder.existing(to.path)
  return root.folder(catalogueFolder)
}

async function fileAt(shelf: Shelf, path: string): Promise<string | undefined> {
  try {
    return (await archiveFile(shelf.at(path)))?.file
  } catch {
    return undefined
  }
}
