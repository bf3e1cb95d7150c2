import { statfs } from 'node:fs/promises'
import { sourceArchived } from '../../../events/index.ts'
import type { Target } from '../../config/config.ts'
import type { EventBus } from '../../core/bus/bus.ts'
import { isMounted } from '../../host/target/is-mounted.ts'
import { nightEvents } from '../keep/keeping.ts'
import { type ArchivedNight, archiveRecord } from '../keep/points.ts'

const dayMs = 86_400_000
const roomMs = 16 * dayMs

/** The nights by which the room is foreseen: those of a few sources, as their archives lie on one disk, and their very first ones. */
export function roomNights(
  sources: readonly string[],
  bus: Pick<EventBus, 'events'>,
  now: number,
): ArchivedNight[] {
  return sources.flatMap((source) => {
    const first = bus.events({ types: [sourceArchived.type], subject: source, limit: 1 })
    return archiveRecord([...nightEvents(bus, source, now - roomMs), ...first]).nights
  })
}

/** The room on the disk of a target, or what its nights tell of it; null where neither is known. */
export async function roomOf(
  target: Target,
  nights: readonly ArchivedNight[],
): Promise<{ mounted: boolean; freeBytes: number | null; totalBytes: number | null }> {
  try {
    if (isMounted(target)) {
      const { bavail, bsize, blocks } = await statfs(target.path)
      return { mounted: true, freeBytes: bavail * bsize, totalBytes: blocks * bsize }
    }
  } catch {
    // As if it were not mounted.
  }
  const last = nights.toSorted((one, other) => other.provenAt - one.provenAt).find(({ disk }) => disk)?.disk
  return { mounted: false, freeBytes: last?.freeBytes ?? null, totalBytes: last?.totalBytes ?? null }
}
