import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { bringUp } from '../../runtime/host/archive/catalogue/bring-up.ts'
import {
  CatalogueFile,
  catalogueFolder,
  catalogueName,
} from '../../runtime/host/archive/catalogue/catalogue-file.ts'
import {
  archivesThere,
  fileOf,
  inOrder,
  openArchive,
} from '../../runtime/host/archive/catalogue/from-archives.ts'
import { Night } from '../../runtime/host/archive/catalogue/night.ts'
import { type Member, segmentTag } from '../../runtime/host/archive/pieces/pieces.ts'
import { Folder } from '../../runtime/host/target/safe-open.ts'

/** A source whose archives are said to hold a great many files. */
export interface LargeCatalogueOptions {
  /** The folder of the target with the archives, which are there. */
  archives: string
  source: string
  /** Where what is collected is put for the time being. */
  scratch: string
  /** In each archive. */
  files: number
}

const filesInASegment = 50
const filesInAFolder = 200
/** Of the segments so many are others in each archive. */
const changedShare = 0.02

/**
 * Writes the catalogue of a source anew, with the code of a night: its archives stay as they are, and the catalogue says that
 * each holds so many files. Listings and searches answer from it; nothing of it can be taken out of an archive.
 */
export async function makeLargeCatalogue({
  archives,
  source,
  scratch,
  files,
}: LargeCatalogueOptions): Promise<void> {
  const of = { target: { name: 'archives', path: archives }, source }
  using root = Folder.existing(archives)
  using folder = root.make(catalogueFolder)
  for (const name of [catalogueName(source), `${catalogueName(source)}-journal`]) folder.remove(name)
  using catalogue = CatalogueFile.open(folder, source)
  const segments = Math.ceil(files / filesInASegment)
  /** By segment, which archive it is from. */
  const from = new Uint16Array(segments)
  const there = await inOrder(of, archivesThere(of))
  mkdirSync(scratch, { recursive: true })
  for (const [n, { name, at }] of there.entries()) {
    await using file = await openArchive(archives, name)
    const nightPath = join(scratch, `.${source}.night`)
    using night = new Night(nightPath, source, undefined)
    if (n === 0) night.fresh(2n, foldersOf(source, files))
    for (let segment = 0; segment < segments; segment++) {
      // Each night another part.
      if (n > 0 && segment % Math.round(1 / changedShare) !== n) continue
      if (n > 0) night.gone([tagOf(segment, from[segment] ?? 0)])
      from[segment] = n
      night.fresh(tagOf(segment, n), membersOf(source, segment, n, files))
    }
    night.end()
    if (night.problem) throw night.problem
    const { file: ident, sizeBytes } = await fileOf(file)
    bringUp(catalogue.database, {
      archive: { archive: `large${n}`, file: ident, name, at, sizeBytes, isKeyed: true },
      night: night.path,
      lost: [],
    })
  }
  rmSync(scratch, { recursive: true, force: true })
}

/** Even, as that of a segment that is known by its key; 2 is that of the folders. */
function tagOf(segment: number, night: number): bigint {
  const key = Buffer.alloc(32)
  key.writeBigInt64LE(BigInt(segment + 2) * 65_536n + BigInt(night) * 2n)
  return segmentTag(key, []).readBigInt64LE()
}

function foldersOf(source: string, files: number): Member[] {
  const count = Math.ceil(files / filesInAFolder)
  const tops = Array.from({ length: Math.ceil(count / 100) }, (_, n) => topOf(n * 100))
  const names = ['', ...tops, ...Array.from({ length: count }, (_, n) => folderOf(n))]
  return names.map((name) => ({
    ...facts,
    name: Buffer.from(name === '' ? source : `${source}/${name}`),
    type: 'directory',
    sizeBytes: 0,
    mode: 0o755,
  }))
}

const facts = { mtimeNs: 1_790_000_000_000_000_000n, uid: 1000, gid: 1000 }

function topOf(folder: number): string {
  return `part${String(Math.floor(folder / 100)).padStart(3, '0')}`
}

function folderOf(folder: number): string {
  return `${topOf(folder)}/folder${String(folder).padStart(5, '0')}`
}

function membersOf(source: string, segment: number, night: number, files: number): Member[] {
  const first = segment * filesInASegment
  const count = Math.min(filesInASegment, files - first)
  return Array.from({ length: count }, (_, i) => {
    const n = first + i
    const sha256 = Buffer.alloc(32)
    sha256.writeUInt32LE(n)
    sha256.writeUInt32LE(night, 4)
    return {
      ...facts,
      name: Buffer.from(
        `${source}/${folderOf(Math.floor(n / filesInAFolder))}/file${String(n).padStart(7, '0')}.dat`,
      ),
      type: 'file',
      sizeBytes: 1000 + (n % 5000) + night,
      mode: 0o644,
      sha256,
    }
  })
}
