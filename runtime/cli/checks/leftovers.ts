import { join } from 'node:path'
import { fullName } from '../../host/lvm/lvm.ts'
import { isScratchVolume } from '../../host/lvm/scratch-volume.ts'
import { mountOfEntry } from '../../host/mount/ledger.ts'
import { topMountAt } from '../../host/mount/mountinfo.ts'
import { namesIn } from '../../host/names-in.ts'
import type { Box } from './box.ts'
import { type Finding, warning } from './finding.ts'

const about = 'leftovers'
const remedy = 'the next `hdsync run` removes it'

/**
 * What runs left behind that did not end in order.
 * @param store The id of the event store.
 * @param isLive Whether a run is going on: what is its own is no leftover.
 */
export async function checkLeftovers(
  box: Box,
  store: string,
  isLive: (runId: string) => boolean,
): Promise<Finding[]> {
  return [...leftMounts(box, isLive), ...(await leftSnapshots(box, store, isLive))]
}

function leftMounts(
  { ledger, mounts, mountDirectories }: Box,
  isLive: (runId: string) => boolean,
): Finding[] {
  const ofTargets = ledger
    .entries()
    .filter((entry) => !isLive(entry.run))
    .flatMap((entry) => mountOfEntry(entry, mounts)?.at ?? [])
  const ofSources = mountDirectories.flatMap((directory) =>
    namesIn(directory)
      .filter((name) => !isLive(name.slice(0, name.indexOf('-'))))
      .map((name) => join(directory, name))
      .filter((at) => topMountAt(mounts, at)),
  )
  return [...ofTargets, ...ofSources].map((at) =>
    warning('leftover.mount', about, `${at} is still mounted, by a run that is over`, remedy),
  )
}

async function leftSnapshots(
  box: Box,
  store: string,
  isLive: (runId: string) => boolean,
): Promise<Finding[]> {
  const { sources, drill } = box.config
  if (!drill?.volume && !Object.values(sources).some(({ kind }) => kind === 'lv')) return []
  // Where LVM cannot be read, the sources say so.
  const volumes = await box.volumes('@hdsync').catch(() => [])
  return volumes.flatMap((volume): Finding[] => {
    const { vg, lv, origin, tags } = volume
    const value = (key: string) => tags.find((tag) => tag.startsWith(`${key}=`))?.slice(key.length + 1)
    const [owner, run] = [value('hdsync.store'), value('hdsync.run')]
    const name = fullName(vg, lv)
    if (!origin) {
      if (owner !== store || (run && isLive(run))) return []
      if (isScratchVolume(volume, store))
        return [warning('leftover.scratch', about, `the volume ${name} is left of a drill`, remedy)]
      const finding = `${name} is half a snapshot: its lvcreate was cut off`
      const half = `the next \`hdsync run\` removes it if it is empty and LVM lets it; otherwise: lvremove ${name}`
      return [warning('leftover.half-made', about, finding, half)]
    }
    if (owner !== store) {
      const finding = `the snapshot ${name} of ${origin} belongs to another event store (${owner ?? 'unknown'})`
      return [
        warning('leftover.foreign-snapshot', about, finding, `if that hdsync is gone: lvremove ${name}`),
      ]
    }
    if (run && isLive(run)) return []
    return [
      warning(
        'leftover.snapshot',
        about,
        `the snapshot ${name} of ${origin} is left of a run that is over`,
        remedy,
      ),
    ]
  })
}
