import { statSync } from 'node:fs'
import { resolve } from 'node:path'
import type { Survey } from '../../host/survey.ts'
import { canHoldMirrors, type LocalFileSystem, localFileSystems } from './file-systems.ts'
import { nameFor } from './names.ts'
import type { Proposal } from './proposal.ts'
import { isBelow } from './sources.ts'
import { type Candidate, mountedCandidate } from './targets.ts'

/**
 * The place for backups that somebody names: one that was found, by its device or mount point, another mounted
 * file system, or any folder.
 * @returns What is wrong with it, if it is none.
 */
export function candidateAt(place: string, proposal: Proposal, survey: Survey): Candidate | string {
  const path = place.startsWith('/') ? resolve(place) : place
  const listed = proposal.targets.find((one) => [one.at, one.path, one.device, one.name].includes(path))
  if (listed) return listed
  if (!path.startsWith('/') || path === '/')
    return 'It takes the path of a folder or of a disk, such as /mnt/backup.'
  const names = new Set(proposal.targets.map(({ name }) => name))
  const { local } = localFileSystems(survey)
  const mounted = local.find(({ at, device }) => at === path || device?.path === path)
  if (mounted && !canHoldMirrors(mounted.type)) return `${mounted.type} keeps no owners and no links.`
  if (mounted?.options.includes('ro')) return `${mounted.at} is mounted read-only.`
  if (mounted) return mountedCandidate(mounted, names)
  const stats = statSync(path, { throwIfNoEntry: false })
  if (stats?.isBlockDevice()) return `${path} holds no file system that mirrors could live on, or is in use.`
  if (!stats?.isDirectory()) return `There is no folder ${path}.`
  if (proposal.sources.some(({ at }) => at !== '/' && isBelow(at, path))) return `A source lies in ${path}.`
  return folderCandidate(path, local, names)
}

function folderCandidate(
  at: string,
  local: readonly LocalFileSystem[],
  names: ReadonlySet<string>,
): Candidate {
  const around = local
    .filter((one) => isBelow(at, one.at))
    .sort((one, other) => other.at.length - one.at.length)[0]
  return {
    name: nameFor(at, names),
    at,
    mounted: true,
    device: null,
    path: at,
    type: around?.type ?? 'a folder',
    disks: [...(around?.disks ?? [])],
    sizeBytes: around?.device?.sizeBytes ?? null,
    freeBytes: around?.device?.freeBytes ?? null,
    likely: true,
    removable: around?.device?.removable ?? false,
  }
}

/** The proposal with a place for backups in it, which is not backed up then. */
export function withTarget(proposal: Proposal, target: Candidate): Proposal {
  return {
    ...proposal,
    sources: proposal.sources.filter(({ at }) => at !== target.at),
    targets: [target, ...proposal.targets.filter((one) => one !== target)],
  }
}
