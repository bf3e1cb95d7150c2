import { UsageError } from '../../errors.ts'
import type { FreshDisk } from '../../host/machine/fresh-disks.ts'
import type { MachineRecord, RecordedDevice } from '../../host/machine/record.ts'
import { formatBytes } from '../../units.ts'
import { neededNames } from './needed.ts'

/** An old disk and its replacement. */
export interface MappedDisk {
  old: RecordedDevice
  now: FreshDisk
}

export interface Mapping {
  mapped: MappedDisk[]
  /** What prevents a rescue: sentences, each with what to do. */
  problems: string[]
}

/**
 * Finds a replacement for each old disk: the one that is named, else the one of the same name, else the smallest that is free
 * and large enough.
 * @param wanted Old disks, see `disksToMake`.
 * @param named New names by old ones, as given with `--map`, without `/dev/`.
 * @throws {UsageError} A disk is named that was not or is not there.
 */
export function mapDisks(
  wanted: readonly RecordedDevice[],
  here: readonly FreshDisk[],
  named: ReadonlyMap<string, string>,
  needs: (old: RecordedDevice) => number,
): Mapping {
  for (const [old, now] of named) {
    if (!wanted.some((one) => short(one.path) === old)) {
      throw new UsageError(`--map ${old}=${now}: the machine had no disk ${old} that has to come back`, {
        hint: `it had ${wanted.map(({ path }) => short(path)).join(', ') || 'none'}`,
      })
    }
    if (!here.some((one) => short(one.path) === now)) {
      throw new UsageError(`--map ${old}=${now}: there is no disk ${now} here`, {
        hint: `there is ${here.map(({ path }) => short(path)).join(', ') || 'none'}`,
      })
    }
  }
  const used = new Set<string>(named.values())
  const mapped: MappedDisk[] = []
  const problems: string[] = []
  const free = (old: RecordedDevice) =>
    here.filter(
      ({ path, taken, sizeBytes }) =>
        taken === undefined && sizeBytes >= needs(old) && !used.has(short(path)),
    )
  // Named ones first, then those whose name still exists, then the largest: they have the fewest candidates.
  const byNeed = wanted.toSorted((one, other) => needs(other) - needs(one))
  for (const pass of ['named', 'same', 'size'] as const) {
    for (const old of byNeed) {
      if (mapped.some((one) => one.old === old)) continue
      const name = pass === 'named' ? named.get(short(old.path)) : short(old.path)
      const candidates = pass === 'named' ? here : free(old)
      const now =
        pass === 'size'
          ? candidates.toSorted((one, other) => one.sizeBytes - other.sizeBytes)[0]
          : candidates.find(({ path }) => short(path) === name)
      if (!now) continue
      used.add(short(now.path))
      mapped.push({ old, now })
      if (now.taken !== undefined)
        problems.push(`${now.path} cannot take the place of ${old.path}: ${now.taken}`)
      else if (now.sizeBytes < needs(old)) {
        problems.push(
          `${now.path} (${formatBytes(now.sizeBytes)}) is too small for ${old.path}, which needs ${formatBytes(needs(old))}`,
        )
      }
    }
  }
  for (const old of wanted) {
    if (mapped.some((one) => one.old === old)) continue
    problems.push(
      `there is no free disk of ${formatBytes(needs(old))} here for ${old.path}${old.model === undefined ? '' : ` (${old.model})`}: add one, or name one: --map ${short(old.path)}=DISK`,
    )
  }
  return { mapped: wanted.flatMap((old) => mapped.filter((one) => one.old === old)), problems }
}

/** Old disks that hold something to be restored. Disks that hold only backups are left out. */
export function disksToMake(record: MachineRecord, paths: readonly string[]): RecordedDevice[] {
  const wanted = neededNames(record, paths)
  return record.devices.filter(({ type, name }) => type === 'disk' && wanted.has(name))
}

/** Bytes that a disk must have for what was on it: to the end of its last partition, else all of it. */
export function needsBytes(old: RecordedDevice, record: MachineRecord): number {
  const table = record.partitionTables.find(({ disk }) => disk === old.path)
  if (!table) return old.sizeBytes
  const sector = Number(table.dump.match(/^sector-size:\s*(\d+)/m)?.[1] ?? 512)
  const ends = [...table.dump.matchAll(/start=\s*(\d+),\s*size=\s*(\d+)/g)].map(
    ([, start, size]) => Number(start) + Number(size),
  )
  // The second copy of a GPT takes 33 sectors at the end.
  return (Math.max(0, ...ends) + (/^label:\s*gpt/m.test(table.dump) ? 34 : 0)) * sector
}

export function short(path: string): string {
  return path.replace(/^\/dev\//, '')
}
