import { type Envelope, type EventDefinition, sourceSynced } from '../../../events/index.ts'
import type { Config, Target } from '../../config/config.ts'
import { standingArchives } from '../../host/archive/kept.ts'
import { mirrorPath } from '../../host/mirror/mirror-identity.ts'
import { damagedFiles, type Ledger, pieceBytes, readLedger } from '../../host/proof/ledger.ts'
import { archiveRecord, pointsOf, tellsOfArchives } from '../keep/points.ts'
import { syncedOf } from '../status/source-status.ts'
import type { Item } from './items.ts'

/** The latest events of these kinds about one source, the newest first. */
export type Recent = (
  events: readonly EventDefinition[],
  source: string,
  limit: number,
) => readonly Envelope[]

/** How far back the record of a source is read: so many events. */
const eventsLookedAt = 1000

/** What of a source's backups can be proven, apart from archives that are known to be damaged. Its disks are mounted. */
export async function gatherItems(config: Config, source: string, recent: Recent): Promise<Item[]> {
  const to = archivesOf(config, source)
  const from = config.targets[config.sources[source]?.target ?? '']
  if (!from) return []
  // The record is read at once: whoever has it open need not wait.
  const mirror = mirrorItem(from, source, recent)
  return to ? [...(await archiveItems(to, source, recent)), mirror] : [mirror]
}

/** The target with the archives of a source; undefined where it has none. */
export function archivesOf(config: Config, source: string): Target | undefined {
  const { archive: wanted } = config.sources[source] ?? {}
  return config.archive && wanted ? config.targets[config.archive.target] : undefined
}

/** Whether an archive of a source stands there. */
export async function hasArchives(to: Target, source: string): Promise<boolean> {
  return (await standingArchives(to, source)).length > 0
}

/** The archives that are known to be damaged, on the disks that are mounted. */
export async function knownDamage(config: Config): Promise<string[]> {
  const found: string[] = []
  for (const source of Object.keys(config.sources)) {
    const to = archivesOf(config, source)
    const damaged = to ? damagedFiles(readLedger(to.path, source)) : new Set()
    if (!to || damaged.size === 0) continue
    const standing = await standingArchives(to, source)
    found.push(...standing.flatMap(({ file, path }) => (damaged.has(file) ? [path] : [])))
  }
  return found
}

async function archiveItems(to: Target, source: string, recent: Recent): Promise<Item[]> {
  const record = archiveRecord(recent(tellsOfArchives, source, eventsLookedAt))
  const { archives: known } = readLedger(to.path, source)
  const items = new Map<string, Item>()
  for (const { path, file, sizeBytes } of pointsOf(await standingArchives(to, source), record)) {
    const proof = known.find((one) => one.file === file)
    if (items.has(file) || proof?.damaged || record.damaged.has(file)) continue
    const written = record.nights.findLast((night) => night.file === file)?.provenAt ?? 0
    const provenAt = proof ? Date.parse(proof.provenAt) : written
    const leftBytes = sizeBytes - (proof?.read ?? 0) * pieceOf(proof)
    const inOneGo = sizeBytes > pieceBytes && !proof?.pieces
    items.set(file, { kind: 'archive', source, path, file, sizeBytes, leftBytes, provenAt, inOneGo })
  }
  return [...items.values()]
}

function pieceOf(proof: Ledger['archives'][number] | undefined): number {
  return proof?.pieces ? Math.ceil(proof.sizeBytes / proof.pieces.length) : 0
}

function mirrorItem(from: Target, source: string, recent: Recent): Item {
  const { mirror } = readLedger(from.path, source)
  const synced = syncedOf(recent([sourceSynced], source, 1)[0])
  const sizeBytes = synced?.data.contents?.sizeBytes ?? mirror?.bytes ?? 0
  const read = mirror?.cursor ? mirror.bytes : 0
  return {
    kind: 'mirror',
    source,
    path: mirrorPath(from, { name: source }),
    file: '',
    sizeBytes,
    leftBytes: Math.max(0, sizeBytes - read),
    provenAt: mirror?.provenAt ? Date.parse(mirror.provenAt) : 0,
  }
}
