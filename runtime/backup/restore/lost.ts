import type { CommandRunner } from '../../host/command/command.ts'
import type { Entry, PointReader } from '../../host/points/entry.ts'
import { readerOf } from '../../host/points/reader.ts'
import type { RestorePoint } from '../../host/points/restore-point.ts'
import { identityOf } from './identity.ts'

/** What can still be told of a restore point that cannot be read whole. */
export interface Readable {
  /** By path, each byte a character. */
  entries: ReadonlyMap<string, Entry>
  /** Whether more stood behind what could be read. */
  isCut: boolean
}

/** Lists a restore point as far as it can be read. */
export async function readable(reader: PointReader): Promise<Readable> {
  const entries = new Map<string, Entry>()
  try {
    for await (const entry of reader.entries()) entries.set(entry.path.toString('latin1'), entry)
  } catch {
    return { entries, isCut: true }
  }
  return { entries, isCut: false }
}

/** What was to be unpacked of a damaged restore point. */
export interface Unpacked {
  point: RestorePoint
  found: Readable
  /** Each with everything below it, but for what is left out. */
  asked: readonly Buffer[]
  leaveOut: readonly Buffer[]
  /** Whether an entry that could be read came back whole, or did not have to. */
  isThere(path: Buffer): boolean
}

/**
 * Names each file that did not come back, and another restore point that has it. Others are read, those nearest in time
 * first, until each file has one. Of what stood behind a cut only the others know: what the first of them has is named.
 * @param others Of the same source; names of the same damaged file are passed over.
 * @returns Sentences.
 */
export async function lostFiles(
  unpacked: Unpacked,
  others: readonly RestorePoint[],
  runner: CommandRunner,
): Promise<string[]> {
  const { point, found, isThere } = unpacked
  const isAsked = isBelowOne(unpacked.asked)
  const isLeftOut = isBelowOne(unpacked.leaveOut)
  const isWanted = ({ path, type }: Entry) => type !== 'directory' && isAsked(path) && !isLeftOut(path)
  const holders = new Map<string, string | undefined>()
  for (const [path, entry] of found.entries)
    if (isWanted(entry) && !isThere(entry.path)) holders.set(path, undefined)
  let knowsAll = !found.isCut
  for (const other of await nearestFirst(point, others)) {
    if (knowsAll && ![...holders.values()].includes(undefined)) break
    const { entries, isCut } = await readable(readerOf(other, runner))
    for (const [path, entry] of entries) {
      const isNews = !knowsAll && !found.entries.has(path) && isWanted(entry)
      if (isNews || (holders.has(path) && holders.get(path) === undefined)) holders.set(path, other.id)
    }
    knowsAll ||= !isCut
  }
  return [...holders].map(([path, holder]) => sentence(Buffer.from(path, 'latin1'), point, holder))
}

function sentence(path: Buffer, { id, source }: RestorePoint, holder: string | undefined): string {
  return `${source}:${path} cannot be read whole in ${id}: ${holder === undefined ? 'no other restore point that can be read has it' : `${holder} has it`}`
}

async function nearestFirst(point: RestorePoint, others: readonly RestorePoint[]): Promise<RestorePoint[]> {
  const damaged = await identityOf(point)
  const distance = ({ at }: RestorePoint) => Math.abs(Date.parse(at) - Date.parse(point.at))
  const good: RestorePoint[] = []
  for (const other of others)
    if (other.source === point.source && other.id !== point.id && (await identityOf(other)) !== damaged)
      good.push(other)
  return good.sort((one, other) => distance(one) - distance(other))
}

/** Whether a path is one of these, or below one. */
export function isBelowOne(tops: readonly Buffer[]): (path: Buffer) => boolean {
  const names = new Set(tops.map((top) => top.toString('latin1')))
  return (path) => {
    for (
      let name = path.toString('latin1');
      name !== '';
      name = name.slice(0, Math.max(0, name.lastIndexOf('/')))
    )
      if (names.has(name)) return true
    return names.has('')
  }
}
