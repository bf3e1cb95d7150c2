import { join } from 'node:path'
import type { Source, Target } from '../../config/config.ts'
import { isWithin, leavesOut } from '../../config/left-out.ts'
import { TerminalError } from '../../errors.ts'
import { numberOf } from './devices.ts'
import { type Mount, mountOf } from './mountinfo.ts'
import { lookAround, type Sight } from './real-path.ts'

/**
 * A folder as the kernel has it, whatever path has led there: a file system, and the way from its root. Two paths are the
 * same folder, through links and bind mounts, if these are the same.
 */
interface Place {
  /** `major:minor`, as the table of mounts has it. */
  device: string
  path: string
  /** The path by which one gets there. */
  by: string
  /** What stat(2) says, where it was asked: rsync does not go from one to another. */
  dev: number | undefined
}

/** A mirror is not on the disks that were proven. */
export class StrayMirrorError extends TerminalError {}

/** What is known already; the rest is looked up. */
export interface Seen {
  sight?: Sight
  /** `major:minor` of the logical volume that is the source. */
  volume?: string | undefined
}

/** A part of a tree, and where it is seen from the top of the tree: `/` for the top itself. */
interface Part extends Place {
  seenAt: string
}

/**
 * Proves that a source and its mirror are apart, links and bind mounts included: a backup must not contain itself. To be
 * called before each copy; it reads the table of mounts alone.
 * @throws {TerminalError} One lies in the other, or the mirror is not where it should be.
 */
export function proveApart(source: Source, target: Target, seen: Seen = {}): void {
  const { sight = lookAround() } = seen
  const problem = clash(source, target, { ...seen, sight, mirror: join(target.path, source.name) })
  if (problem) throw problem
  proveMirrorPlace(source, target, sight)
}

/**
 * Proves that what hdsync remembers does not lie in a mirror: a copy deletes what the source has not.
 * @param state Folder of the event store.
 * @throws {StrayMirrorError} It does.
 */
export function proveStateApart(state: string, source: Source, target: Target, sight = lookAround()): void {
  const mirror = join(target.path, source.name)
  if (!isWithin(sight.real(state), sight.real(mirror))) return
  throw new StrayMirrorError(
    `the state folder ${state} lies in the mirror ${mirror}, which a copy would delete it from: not synced`,
    { hint: 'rename the source, or move the folder and correct `state` in the config' },
  )
}

/**
 * Proves that a source and the archives of its mirror are apart.
 * @throws {TerminalError} As `proveApart`.
 */
export function proveArchiveApart(source: Source, target: Target, seen: Seen = {}): void {
  const problem = clash(source, target, { ...seen, sight: seen.sight ?? lookAround() })
  if (problem) throw problem
}

/** Mounts below a target that the config does not list, and that hdsync can therefore not ask for. */
export function unlistedMounts(target: Target, { mounts, real }: Sight): Mount[] {
  const top = real(target.path)
  const listed = target.mounts.map(({ at }) => real(at))
  return mounts.filter(
    ({ at, type }) =>
      type !== 'autofs' && at !== top && isWithin(at, top) && !listed.includes(at) && isSeen(at, mounts),
  )
}

function clash(
  source: Source,
  target: Target,
  { sight, volume = volumeOf(source), mirror }: Seen & { sight: Sight; mirror?: string },
): TerminalError | undefined {
  const tree = partsOfSource(source, sight, volume)
  const places = [...placesOfTarget(target, sight), ...(mirror ? partsOfFolder(mirror, sight) : [])]
  const inside = lookInto(tree, source, places)
  if (inside) return liesIn(source, target, inside, sight)
  const copied = tree.filter(({ seenAt }) => !leavesOut(source.exclude, seenAt))
  const isHeld = copied.some((part) => places.some((place) => wayInto(part, place) !== undefined))
  return isHeld ? holds(source, target, sight) : undefined
}

function liesIn(source: Source, target: Target, { by, way }: Found, { real }: Sight): TerminalError {
  const what = by === target.path ? `(${shown(by, real)}) lies` : `(${target.path}): ${by} lies`
  const where =
    source.kind === 'lv'
      ? `on ${source.vg}/${source.lv} itself`
      : `in its source ${source.path}${way === '/' ? ' itself' : `, as ${way}`}`
  const orElse = way === '/' ? '' : `, or leave it out: \`exclude: [${way}/]\``
  return new TerminalError(`target ${target.name} ${what} ${where}: not synced`, {
    hint: `a backup must not contain itself: use another disk${orElse}`,
  })
}

function holds(source: Source, target: Target, { real }: Sight): TerminalError {
  const what = source.kind === 'lv' ? `${source.vg}/${source.lv}` : shown(source.path, real)
  return new TerminalError(
    `target ${target.name} (${shown(target.path, real)}) holds its source ${source.name} (${what}): not synced`,
    { hint: 'a copy into it would change, and delete from, what is backed up: use another folder' },
  )
}

/** A path, and where it leads to if that is elsewhere. */
function shown(path: string, real: Sight['real']): string {
  return real(path) === path ? path : `${path}, which is ${real(path)}`
}

/**
 * A mirror is a folder of its target, on the disks that were proven: a link, or a disk that nobody has asked for, may
 * lead anywhere. A target without `mounts` is in the hands of whoever mounts its disks.
 */
function proveMirrorPlace({ name }: Source, target: Target, sight: Sight): void {
  const { mounts, real } = sight
  const path = join(target.path, name)
  const at = real(path)
  if (at !== join(real(target.path), name)) {
    throw new StrayMirrorError(`the mirror ${path} is a link to ${at}: not synced`, {
      hint: `put the folder itself there; or mount its disk at ${path}, and list that in targets.${target.name}.mounts`,
    })
  }
  if (target.mounts.length === 0) return
  const below = mountOf(mounts, real(target.path))
  const strange = unlistedMounts(target, sight).find(
    (mount) => (isWithin(at, mount.at) || isWithin(mount.at, at)) && mount.device !== below?.device,
  )
  if (!strange) return
  throw new StrayMirrorError(
    `${strange.source} is mounted at ${strange.at}, where the mirror ${path} is to be: not synced`,
    {
      hint: `umount ${strange.at}; or, if it belongs there, list it: \`{ device: ${strange.source}, at: ${strange.at} }\` in targets.${target.name}.mounts`,
    },
  )
}

interface Found {
  by: string
  /** As the patterns of the source have it. */
  way: string
}

/** The first place in a tree that is not left out. */
function lookInto(tree: readonly Part[], { exclude }: Source, places: readonly Place[]): Found | undefined {
  return tree
    .flatMap((part) =>
      places.flatMap((place) => {
        const way = wayInto(place, part)
        return way === undefined ? [] : { by: place.by, way }
      }),
    )
    .find(({ way }) => !leavesOut(exclude, way))
}

/** How one gets from the top of a tree to a place in this part of it. */
function wayInto(place: Place, part: Place & { seenAt?: string }): string | undefined {
  const isOther = place.dev !== undefined && part.dev !== undefined && place.dev !== part.dev
  if (place.device !== part.device || isOther || !isWithin(place.path, part.path)) return undefined
  return join('/', part.seenAt ?? '', place.path.slice(part.path === '/' ? 0 : part.path.length))
}

function placesOfTarget(target: Target, sight: Sight): Place[] {
  const real = sight.real(target.path)
  const place = placeOf(target.path, sight)
  const mount = mountOf(sight.mounts, real)
  // A disk image: its copy would be written into itself.
  const files = mount ? sight.backing(mount.device).map((file) => placeOf(file, sight)) : []
  return [place, ...files].filter((one) => one !== undefined)
}

function partsOfSource(source: Source, sight: Sight, volume: string | undefined): Part[] {
  if (source.kind === 'path') return partsOfFolder(source.path, sight)
  return volume === undefined ? [] : [{ device: volume, path: '/', by: '', dev: undefined, seenAt: '/' }]
}

/** A folder and what is mounted in it of its own file system: there rsync sees no border. */
function partsOfFolder(path: string, sight: Sight): Part[] {
  const top = sight.real(path)
  const place = placeOf(path, sight)
  if (!place) return []
  const topMount = mountOf(sight.mounts, top)
  const mounts = sight.mounts.filter(
    (mount) =>
      mount.at !== top &&
      isWithin(mount.at, top) &&
      isReached(mount, topMount, sight.mounts) &&
      isSeen(mount.at, sight.mounts),
  )
  const below = mounts.map(({ at, device, root }) => ({
    device,
    path: root,
    by: at,
    dev: sight.devOf(at),
    seenAt: at.slice(top === '/' ? 0 : top.length),
  }))
  return [{ ...place, seenAt: '/' }, ...below.filter(({ dev }) => dev === place.dev)]
}

/** Whether one gets from a mount to one in it without leaving the file system: rsync then does. */
function isReached(mount: Mount, from: Mount | undefined, mounts: readonly Mount[]): boolean {
  let here: Mount | undefined = mount
  while (here && here !== from) {
    if (here.type !== 'autofs' && here.device !== from?.device) return false
    const { id, parent }: Mount = here
    here = parent === id ? undefined : mounts.find((one) => one.id === parent)
  }
  return here !== undefined
}

function placeOf(by: string, { mounts, devOf, real }: Sight): Place | undefined {
  const path = real(by)
  const mount = mountOf(mounts, path)
  if (!mount) return undefined
  const way = path.slice(mount.at === '/' ? 0 : mount.at.length)
  return { device: mount.device, path: join(mount.root, way), by, dev: devOf(path) }
}

function isSeen(at: string, mounts: readonly Mount[]): boolean {
  return mountOf(mounts, at)?.at === at
}

/** By its device node; an inactive volume has none. */
function volumeOf(source: Source): string | undefined {
  return source.kind === 'lv' ? numberOf(`/dev/${source.vg}/${source.lv}`) : undefined
}
