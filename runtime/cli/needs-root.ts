import type { Config, Source, Target } from '../config/config.ts'
import { UsageError } from '../errors.ts'
import { readMounts } from '../host/mount/mountinfo.ts'

type Parts = Pick<Config, 'sources' | 'targets'>

/**
 * Why nothing of what is asked for can be done by this user: snapshots and mounts are for root. Users may well back up
 * folders of their own to a disk that is mounted, and what can be done beside the rest is done.
 * @returns undefined if something can, or this is root.
 */
export function rootNeeded(
  { sources, targets }: Parts,
  names: readonly string[] = Object.keys(sources),
  uid = process.geteuid?.(),
): string | undefined {
  if (uid === 0) return undefined
  const asked = names.flatMap((name) => sources[name] ?? [])
  return together(asked.map((source) => reasonOf(source, targets[source.target])))
}

/** The same of targets that are to be adopted. */
export function rootNeededToAdopt(targets: readonly Target[], uid = process.geteuid?.()): string | undefined {
  return uid === 0 ? undefined : together(targets.map(mountNeeded))
}

/** Undefined where one of them has no reason. */
function together(reasons: readonly (string | undefined)[]): string | undefined {
  const given = reasons.filter((reason) => reason !== undefined)
  if (given.length === 0 || given.length < reasons.length) return undefined
  return `only root may ${[...new Set(given)].join(', and ')}`
}

function reasonOf({ kind, name }: Source, target: Target | undefined): string | undefined {
  if (kind === 'lv') return `take snapshots (source ${name})`
  return target && mountNeeded(target)
}

/** Undefined if all of it is mounted, or nothing has to be. */
function mountNeeded({ name, mounts }: Target): string | undefined {
  if (mounts.length === 0) return undefined
  const mounted = new Set(readMounts().map(({ at }) => at))
  return mounts.every(({ at }) => mounted.has(at)) ? undefined : `mount disks (target ${name})`
}

/** What to say to a user who has to be root. @param command As it would be typed, without `hdsync`. */
export function notRoot(reason: string, command: string, cause?: unknown): UsageError {
  return new UsageError(reason, { hint: `as root: sudo hdsync ${command}`, cause })
}
