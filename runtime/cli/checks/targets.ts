import { existsSync, statSync } from 'node:fs'
import { hostname } from 'node:os'
import type { Mount as ConfiguredMount, Target } from '../../config/config.ts'
import { namedAnew } from '../../config/host-path.ts'
import { isForCopiesAlone, storedOn } from '../../config/lookup.ts'
import { TerminalError } from '../../errors.ts'
import { keptFolder } from '../../host/archive/shelf.ts'
import { lastSight } from '../../host/last-sight.ts'
import { unlistedMounts } from '../../host/mount/apart.ts'
import { liesInMemory, mountOf, topMountAt } from '../../host/mount/mountinfo.ts'
import { lookAround, realPath } from '../../host/mount/real-path.ts'
import { type Claims, foreignOf, foreignReason, readClaims, takeOverHint } from '../../host/target/claims.ts'
import { type Door, doorsOf } from '../../host/target/doors.ts'
import { readMarker } from '../../host/target/marker.ts'
import { whyUnplugged } from '../../host/target/plugged-in.ts'
import { remainsOn } from '../../host/target/remains.ts'
import { Folder } from '../../host/target/safe-open.ts'
import { devicePath, holdsOtherDisk } from '../../host/target/targets.ts'
import { weekdays } from '../../weekday.ts'
import { localTime } from '../format.ts'
import { checkAttributes } from './attributes.ts'
import type { Box } from './box.ts'
import type { IdOf } from './conditions.ts'
import { error, type Finding, ok, refused, warning } from './finding.ts'
import { checkMirrorRoom, type History } from './room.ts'
import { checkSameDisk } from './same-disk.ts'
import { checkSpace } from './space.ts'

/** Whether a target is there, or can be mounted, and is the right one. */
export async function checkTarget(target: Target, box: Box, history?: History): Promise<Finding[]> {
  const unplugged = isForCopiesAlone(target, box.config) ? await whyUnplugged(target, box.runner) : undefined
  if (unplugged !== undefined)
    return [
      ok('target.unplugged', `target ${target.name}`, `${unplugged}; copies wait until it is plugged in`),
    ]
  const absent = target.mounts.filter(({ at }) => !topMountAt(box.mounts, realPath(at)))
  const findings =
    absent.length > 0 ? await checkAbsent(target, absent, box) : await checkPresent(target, box)
  return [
    ...findings,
    ...checkName(target),
    ...(absent.length > 0 ? checkLastSight(target, box) : checkMemory(target, box)),
    ...(await checkMirrorRoom(target, box, history)),
    ...(await checkSameDisk(target, box)),
  ]
}

function checkMemory(target: Target, { mounts }: Box): Finding[] {
  if (!liesInMemory(target.path, mounts)) return []
  const finding = `${target.path} lies in memory: the backup is gone when the machine goes down`
  return [
    warning('target.volatile', `target ${target.name}`, finding, 'mount a disk there, or correct `path`'),
  ]
}

async function checkPresent(target: Target, box: Box): Promise<Finding[]> {
  const about = `target ${target.name}`
  if (!existsSync(target.path)) {
    const remedy = target.named ? `hdsync target adopt ${target.name}` : `mkdir -p ${target.path}`
    return [error('target.no-folder', about, `there is no folder ${target.path}`, remedy)]
  }
  try {
    await box.targets.prove(target)
    const finding = `${target.path} is there, and carries the marker of ${target.name}`
    return [
      ok('target.ok', about, finding),
      ...checkUnlisted(target, box),
      ...doorFindings(target, doorsOf(target.path, target.name)),
      ...checkLinks(target, box),
      ...checkClaims(target, box),
      ...checkForgotten(target, box),
      ...(await checkAttributes(target, box)),
      ...(await checkSpace(target.path, 'target.nearly-full', about)),
    ]
  } catch (thrown) {
    return [refused(await reasonId(target, box), about, thrown)]
  }
}

/** A disk that `mounts` does not list is not asked for: were it missing, the disk below would be written to. */
function checkUnlisted(target: Target, { mounts }: Box): Finding[] {
  const unlisted = unlistedMounts(target, lookAround(mounts))
  return unlisted.map(({ at, source }) =>
    warning(
      'target.unlisted-mount',
      `target ${target.name}`,
      `${source} is mounted at ${at}: a run does not know that it should be, and would write below it if it were missing`,
      `list it: \`{ device: ${source}, at: ${at} }\` in targets.${target.name}.mounts`,
    ),
  )
}

/** A host that was renamed keeps its backups where they are, until somebody moves them. */
function checkName(target: Target): Finding[] {
  const { name, path, named } = target
  if (!named || named.host === hostname()) return []
  const anew = namedAnew(target).path
  return [
    warning(
      'target.renamed-host',
      `target ${name}`,
      `${path} has the name ${named.host} by which it was adopted; this host is called ${hostname()} now`,
      `it stays in use; to rename it too: mv ${path} ${anew} && hdsync target adopt ${name} --again`,
    ),
  ]
}

/** Who beside root can get at what lies there. */
function doorFindings({ name }: Target, doors: readonly Door[]): Finding[] {
  return doors.map(({ kind, reason, mend }) =>
    kind === 'open'
      ? warning('target.open', `target ${name}`, reason, mend.join(' && '))
      : error('target.writable', `target ${name}`, reason, mend.join(' && ')),
  )
}

/** A run follows no link on a target; of mirrors that is asked where they lie. */
function checkLinks(target: Target, { config }: Box): Finding[] {
  if (config.archive?.target !== target.name) return []
  using folder = Folder.existing(target.path)
  return [...weekdays, keptFolder].flatMap((name) => {
    try {
      folder.folder(name)?.[Symbol.dispose]()
      return []
    } catch (thrown) {
      return [refused('target.link', `target ${target.name}`, thrown)]
    }
  })
}

/** Whose the mirrors are that a run would write. */
function checkClaims(target: Target, box: Box): Finding[] {
  try {
    return claimFindings(target, readClaims(target.path), box)
  } catch (thrown) {
    return [refused('target.foreign-mirror', `target ${target.name}`, thrown)]
  }
}

/** What a source has left there that is backed up no more, or to another target. */
function checkForgotten(target: Target, { config, store }: Box): Finding[] {
  // A copy outlives its source on purpose.
  if (isForCopiesAlone(target, config)) return []
  const wanted = storedOn(target, config).map(({ name }) => name)
  const left = remainsOn(target, store).filter(({ source }) => !wanted.includes(source))
  return left.map(({ source, mirror, archives }) => {
    const parts = [
      ...(mirror === undefined ? [] : ['a mirror']),
      ...(archives.length === 0
        ? []
        : [`${archives.length} ${archives.length === 1 ? 'archive' : 'archives'}`]),
    ]
    return warning(
      'target.forgotten',
      `target ${target.name}`,
      `${target.path} holds ${parts.join(' and ')} of ${source}, which the config does not back up there`,
      `see what it is: hdsync forget ${source} --dry-run; to remove it: hdsync forget ${source} --yes`,
    )
  })
}

function claimFindings(target: Target, claims: Claims, { config, store }: Box): Finding[] {
  const sources = storedOn(target, config).map(({ name }) => name)
  return [...foreignOf(claims, sources, store)].map(([source, by]) =>
    error(
      'target.foreign-mirror',
      `target ${target.name}`,
      foreignReason(source, target, by, { host: hostname() }),
      takeOverHint(target.name),
    ),
  )
}

/** A target that is mounted for a run alone is hardly ever seen by a check, which mounts nothing. */
function checkLastSight(target: Target, box: Box): Finding[] {
  const seen = lastSight(box.config.state, target)
  if (!seen) return []
  const when = `as it was when it was last mounted, ${localTime(Date.parse(seen.at))}`
  const again = `hdsync target adopt ${target.name}`
  const found = [...doorFindings(target, seen.doors), ...claimFindings(target, new Map(seen.claims), box)]
  return found.map(({ finding, remedy, ...rest }) => ({
    ...rest,
    finding: `${finding} (${when})`,
    remedy: remedy?.includes('hdsync target adopt')
      ? remedy
      : `${remedy}; then have it looked at again: ${again}`,
  }))
}

/** Which of the conditions it is that the driver refuses; its words tell the rest. */
async function reasonId(target: Target, { mounts, runner }: Box): Promise<IdOf<'error'>> {
  try {
    if (await holdsOtherDisk(target, runner, mounts)) return 'target.wrong-disk'
  } catch {
    return 'target.no-device'
  }
  const shown = [
    ...target.mounts.map(({ at }) => topMountAt(mounts, realPath(at))),
    mountOf(mounts, realPath(target.path)),
  ]
  if (shown.some((one) => one?.options.includes('ro') || one?.superOptions.includes('ro')))
    return 'target.read-only'
  try {
    return readMarker(target.path) ? 'target.other-marker' : 'target.no-marker'
  } catch {
    return 'target.bad-marker'
  }
}

/** What is mounted for the night alone: the disks have to be there, and folders to mount them at. */
async function checkAbsent(target: Target, absent: ConfiguredMount[], { runner }: Box): Promise<Finding[]> {
  const about = `target ${target.name}`
  const findings: Finding[] = []
  for (const { device, at } of absent) {
    try {
      const path = await devicePath(runner, device)
      if (!statSync(path, { throwIfNoEntry: false })?.isBlockDevice()) {
        throw new TerminalError(`the disk ${device} is not there`, {
          hint: 'is it plugged in? lsblk lists all',
        })
      }
    } catch (thrown) {
      findings.push(refused('target.no-device', about, thrown))
    }
    const hidden = absent.some((other) => at.startsWith(`${other.at}/`))
    if (!hidden && !statSync(at, { throwIfNoEntry: false })?.isDirectory()) {
      findings.push(
        error(
          'target.no-mount-point',
          about,
          `there is no folder ${at} to mount ${device} at`,
          `mkdir -p ${at}`,
        ),
      )
    }
  }
  if (findings.length > 0) return findings
  const disks = absent.map(({ device }) => device).join(', ')
  return [
    ok(
      'target.not-mounted',
      about,
      `not mounted now: ${disks} can be; a run looks at the marker once that is done`,
    ),
  ]
}
