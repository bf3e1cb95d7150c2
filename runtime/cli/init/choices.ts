import { formatBytes } from '../../units.ts'
import type { Proposal } from './proposal.ts'
import { below, isBelow, type ProposedSource } from './sources.ts'
import type { Candidate } from './targets.ts'

/** What of a proposal is wanted, by name. */
export interface Choices {
  sources: string[]
  target: string
  /** Where archives go; null for none. */
  archive: string | null
}

/** A proposal with the choices made: what the config says. */
export interface Draft {
  sources: ProposedSource[]
  target: Candidate
  archive: Candidate | null
  /** Why there are no archives; null where there are. */
  noArchive: string | null
  warnings: string[]
}

/** Seven archives of the week and the mirror itself, compressed to about half of it. */
const weekShare = 1 + 7 * 0.5

/** What somebody gets who just agrees. Undefined when there is nothing to back up, or nowhere to put it. */
export function defaultChoices(proposal: Proposal): Choices | undefined {
  const sources = proposal.sources.map(({ name }) => name)
  const target = proposal.targets.find(({ likely }) => likely)
  if (!target || sources.length === 0) return undefined
  return { sources, target: target.name, archive: defaultArchive(proposal, target)?.name ?? null }
}

/** Archives go to a second disk; to the same one if it has room for a week of them. */
export function defaultArchive({ targets, sources }: Proposal, target: Candidate): Candidate | undefined {
  const apart = ({ disks }: Candidate) => disks.every((disk) => !target.disks.includes(disk))
  const second = targets.find((one) => one.likely && one !== target && apart(one))
  if (second) return second
  const room = target.freeBytes ?? target.sizeBytes
  return room !== null && room >= usedBytes(sources) * weekShare ? target : undefined
}

/** Why archives are off unless somebody wants them; undefined where they are on. */
export function archiveDoubt(proposal: Proposal, target: Candidate): string | undefined {
  if (defaultArchive(proposal, target)) return undefined
  const room = target.freeBytes ?? target.sizeBytes
  if (room === null) return `nobody knows how much room ${target.at} has`
  const needed = formatBytes(usedBytes(proposal.sources) * weekShare)
  return `${target.at} has room for ${formatBytes(room)}, and the mirrors with a week of archives may take ${needed}`
}

/**
 * Puts the choices together: what is nested is left out where it would be copied a second time, and where it was not
 * chosen; a run would tell each time that it is in no backup.
 */
export function draft(proposal: Proposal, { sources: names, target: to, archive: week }: Choices): Draft {
  const target = proposal.targets.find(({ name }) => name === to)
  if (!target) throw new RangeError(`no target is named ${to}`)
  const archive = proposal.targets.find(({ name }) => name === week) ?? null
  const chosen = proposal.sources.filter(({ name }) => names.includes(name))
  const places = [target, ...(archive ? [archive] : [])]
  const sources = chosen.map((source): ProposedSource => {
    const apart = proposal.sources
      .filter((other) => !source.lv && !(other.lv && chosen.includes(other)))
      .map(({ at }) => at)
    // A snapshot shows no other file system, but a folder for backups that lies in it.
    apart.push(...places.filter(({ device }) => !source.lv || device === null).map(({ at }) => at))
    // What is in them is left out: the empty folder shows where to mount it again.
    const nested = apart
      .filter((path) => isBelow(path, source.at))
      .map((path) => `${below(source.at, path)}/*`)
    const patterns = new Set([...source.exclude, ...nested])
    return { ...source, exclude: [...patterns] }
  })
  const doubt = archiveDoubt({ ...proposal, sources: chosen }, target)
  const noArchive = archive ? null : (doubt ?? 'they were not asked for')
  return { sources, target, archive, noArchive, warnings: warningsOf(sources, target) }
}

function warningsOf(sources: readonly ProposedSource[], target: Candidate): string[] {
  const warnings = sources.flatMap(({ warning }) => warning ?? [])
  const room = target.freeBytes ?? target.sizeBytes
  const needed = usedBytes(sources)
  if (room !== null && needed > room) {
    warnings.push(
      `${target.at} has room for ${formatBytes(room)}, the sources hold ${formatBytes(needed)}: choose fewer, or a larger disk`,
    )
  }
  const shared = sources.filter(({ disks }) => disks.some((disk) => target.disks.includes(disk)))
  if (shared.length > 0) {
    const names = shared.map(({ name }) => name).join(', ')
    warnings.push(`${target.at} is on the disk of ${names}: both would be lost together`)
  }
  return warnings
}

export function usedBytes(sources: readonly Pick<ProposedSource, 'usedBytes'>[]): number {
  return sources.reduce((sum, one) => sum + (one.usedBytes ?? 0), 0)
}
