import { lstatSync } from 'node:fs'
import { stat } from 'node:fs/promises'
import type { Canary } from '../../../events/index.ts'
import type { CommandRunner } from '../../host/command/command.ts'
import { attributesDiffer } from '../../host/points/attributes-differ.ts'
import type { Entry } from '../../host/points/entry.ts'
import { mirrorReader } from '../../host/points/mirror-reader.ts'
import { nameOf, OpenFolder } from '../../host/points/open-folder.ts'
import { readerOf } from '../../host/points/reader.ts'
import type { RestorePoint } from '../../host/points/restore-point.ts'
import { digestOf } from '../../host/proof/digest.ts'
import { brokenLinks, differences } from './drill-compare.ts'

/** What holds a restore against. */
export interface ProofOptions {
  point: RestorePoint
  /** As the restore point tells of it. */
  recorded: readonly Entry[]
  /** Where it was restored. */
  folder: string
  whole: boolean
  canary: Canary | undefined
  /** The newest archive that has a catalogue: it knows digests of what has not changed since. */
  witness: RestorePoint | undefined
  /** The mirror of the source, where its disk is there. */
  mirror: string | undefined
  runner: CommandRunner
  signal: AbortSignal
}

/** What comparing has found. */
export interface Compared {
  files: number
  sizeBytes: number
  /** Of how many files the contents were compared with a digest on record. */
  recorded: number
  /** Whether the canary was there, and sound. */
  canary: boolean
  differences: string[]
}

/** Compares what was restored with what was recorded: contents, and every attribute. */
export async function compareRestored(options: ProofOptions): Promise<Compared> {
  const { point, folder, whole, canary, runner } = options
  const found = new Map<string, Entry>()
  for await (const entry of mirrorReader(folder, runner).entries()) found.set(keyOf(entry), entry)
  const { known, digests } = await withDigests(options)
  const told: string[] = []
  let sizeBytes = 0
  for (const entry of known) {
    options.signal.throwIfAborted()
    const there = found.get(keyOf(entry))
    const isFile = there?.type === 'file' && entry.type === 'file'
    const sha256 = isFile ? await digestOf(mirrorReader(folder, runner).read(entry.path)) : undefined
    if (!entry.hardLinkTo) sizeBytes += entry.sizeBytes
    told.push(
      ...differences(
        await withContents(entry, point, runner),
        there && { ...there, ...(sha256 && { sha256 }) },
      ),
    )
  }
  told.push(...brokenLinks(known, (path) => inodeAt(folder, path)))
  const names = new Set(known.map(keyOf))
  const extra = whole ? [...found.values()].filter((entry) => !names.has(keyOf(entry))) : []
  told.push(...extra.map(({ path }) => `${path}: it was restored, and was not recorded`))
  told.push(...(await otherAttributes(options)))
  const sound = canary && (await canaryIsSound(canary, folder, runner))
  if (canary && !sound) {
    const path = Buffer.from(canary.path, 'base64')
    told.push(`${path}: it is not what was in the source when it was copied`)
  }
  const files = known.length
  return { files, sizeBytes, recorded: digests, canary: sound ?? false, differences: told }
}

const keyOf = ({ path }: Pick<Entry, 'path'>) => path.toString('latin1')

/** Adds the digests that the witness has of files that are the same by size and time. */
async function withDigests({
  recorded,
  witness,
  runner,
}: ProofOptions): Promise<{ known: Entry[]; digests: number }> {
  const wanted = new Map(recorded.map((entry) => [keyOf(entry), entry]))
  const said = new Map<string, string>()
  if (witness) {
    for await (const entry of readerOf(witness, runner).entries()) {
      const one = wanted.get(keyOf(entry))
      if (one?.type !== 'file' || one.sha256 !== undefined || entry.sha256 === undefined) continue
      if (one.sizeBytes === entry.sizeBytes && one.mtimeNs === entry.mtimeNs)
        said.set(keyOf(one), entry.sha256)
    }
  }
  const known = recorded.map((entry) => {
    const sha256 = entry.sha256 ?? said.get(keyOf(entry))
    return sha256 === undefined ? entry : { ...entry, sha256 }
  })
  return { known, digests: known.filter(({ sha256 }) => sha256 !== undefined).length }
}

/** Of a mirror without any digest on record its own file has to do. */
async function withContents(entry: Entry, point: RestorePoint, runner: CommandRunner): Promise<Entry> {
  if (entry.type !== 'file' || entry.sha256 !== undefined || point.kind !== 'mirror') return entry
  return { ...entry, sha256: await digestOf(readerOf(point, runner).read(entry.path)) }
}

/**
 * Access lists and extended attributes, which no catalogue has, are compared with those in the mirror: of an archive, where
 * nothing of the file has changed there since the archive was written.
 */
async function otherAttributes(options: ProofOptions): Promise<string[]> {
  const { point, mirror, folder, recorded, runner } = options
  if (mirror === undefined) return []
  const before = point.kind === 'mirror' ? Infinity : (await stat(point.path)).mtimeMs
  const paths = recorded.flatMap(({ path }) =>
    path.length > 0 && changedAt(mirror, path) < before ? [path] : [],
  )
  if (paths.length === 0) return []
  const names = new Set(paths.map((path) => path.toString('latin1')))
  const differing = await attributesDiffer(mirror, folder, paths, runner)
  return [...differing]
    .filter((name) => names.has(name))
    .map((name) => `${Buffer.from(name, 'latin1')}: its access list or its attributes differ`)
}

/** When something was changed last, be it its attributes alone; milliseconds since the epoch. */
function changedAt(root: string, path: Buffer): number {
  try {
    using top = OpenFolder.at(root)
    using parent = top.parentOf(path)
    return lstatSync(parent.at(nameOf(path))).ctimeMs
  } catch {
    return Infinity
  }
}

async function canaryIsSound(canary: Canary, folder: string, runner: CommandRunner): Promise<boolean> {
  const path = Buffer.from(canary.path, 'base64')
  const digest = await digestOf(mirrorReader(folder, runner).read(path)).catch(() => undefined)
  return digest === canary.sha256
}

function inodeAt(root: string, path: Buffer): string | undefined {
  try {
    using top = OpenFolder.at(root)
    using parent = top.parentOf(path)
    const { dev, ino } = lstatSync(parent.at(nameOf(path)))
    return `${dev}:${ino}`
  } catch {
    return undefined
  }
}
