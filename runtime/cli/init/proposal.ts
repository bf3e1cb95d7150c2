import type { Survey } from '../../host/survey.ts'
import { formatBytes } from '../../units.ts'
import { canHoldMirrors, type LocalFileSystem, localFileSystems } from './file-systems.ts'
import { type ProposedSource, proposeSources } from './sources.ts'
import {
  byPreference,
  type Candidate,
  type IsFree,
  looksLikeTarget,
  mountedCandidate,
  unmountedCandidates,
} from './targets.ts'

/** What `hdsync init` would do on this machine. The shape is public: `init --json` prints it. */
export interface Proposal {
  sources: ProposedSource[]
  /** The best first. */
  targets: Candidate[]
  leftOut: { what: string; why: string }[]
  warnings: string[]
}

/** Where nothing lies that a backup has to bring back. */
const temporary = ['/tmp', '/var/tmp']

/**
 * What could be backed up, and to where. A pure function of what the tools say: each file system of the machine's
 * own disks becomes a source, but for those that look like places for backups.
 * @param isFree Asked about places for disks that are not mounted.
 */
export function propose(survey: Survey, isFree: IsFree = () => true): Proposal {
  const { local, leftOut } = localFileSystems(survey)
  const systemDisks = local.find(({ at }) => at === '/')?.disks ?? new Set<string>()
  const isSystem = ({ disks }: LocalFileSystem) => [...disks].some((disk) => systemDisks.has(disk))
  const places = local.filter((one) => looksLikeTarget(one, systemDisks))
  const backedUp = local.filter((one) => {
    if (places.includes(one) || temporary.includes(one.at)) return false
    if (one.device?.removable && !isSystem(one)) {
      const why = canHoldMirrors(one.type) ? 'it is read-only' : `${one.type} keeps no owners and no links`
      leftOut.push({ what: one.at, why: `it can be pulled out; no target either, as ${why}` })
      return false
    }
    return true
  })
  const sources = proposeSources(backedUp, survey)
  const targets = proposeTargets(survey, places, sources, isFree)
  leftOut.push(...closed(survey))
  return { sources, targets, leftOut, warnings: sources.flatMap(({ warning }) => warning ?? []) }
}

function proposeTargets(
  survey: Survey,
  places: readonly LocalFileSystem[],
  sources: readonly ProposedSource[],
  isFree: IsFree,
): Candidate[] {
  const names = new Set<string>()
  const mounted = places.map((place) => {
    const candidate = mountedCandidate(place, names)
    names.add(candidate.name)
    return candidate
  })
  const taken = new Set(survey.mounts.map(({ at }) => at))
  const unmounted = unmountedCandidates(survey, sources, {
    names,
    isFree: (path) => !taken.has(path) && isFree(path),
  })
  return [...mounted, ...unmounted].toSorted(byPreference)
}

/** What cannot be looked into. */
function closed({ devices }: Survey): Proposal['leftOut'] {
  return devices
    .filter(({ fileSystem, hasChildren }) => fileSystem === 'crypto_LUKS' && !hasChildren)
    .map(({ path, sizeBytes }) => ({
      what: path,
      why: `it is encrypted and closed (${formatBytes(sizeBytes)}): open it first, if it is meant for backups`,
    }))
}
