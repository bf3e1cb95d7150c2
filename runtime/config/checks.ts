import { didYouMean } from '../nearest.ts'
import { formatDuration } from '../units.ts'
import { checkCopies } from './copy-checks.ts'
import { checkHttp } from './http-checks.ts'
import { isWithin, leavesOut } from './left-out.ts'
import type { Parts } from './loose-parts.ts'
import { either, type Finding } from './problem.ts'
import type { SnapshotSize } from './quantities.ts'

/** What no part of a config can know by itself: whether the parts fit together. */
export function checkParts(parts: Parts): Finding[] {
  return [
    ...unknownTargets(parts),
    ...missingArchive(parts),
    ...checkCopies(parts),
    ...snapshotLimits(parts),
    ...volumesTwice(parts),
    ...directories(parts),
    ...vaultApart(parts),
    ...parts.targets.flatMap(mountPoints),
    ...(parts.http ? checkHttp(parts.http, parts) : []),
    ...hookNames(parts),
    ...alertBeyondMemory(parts),
  ]
}

const isGiven = <T>(value: T | undefined) => value !== undefined
const overlap = (one: string, other: string) => isWithin(one, other) || isWithin(other, one)

function unknownTargets({ sources, archive, targetNames }: Parts): Finding[] {
  const references = sources.map(([name, { target }]) => ({ path: ['sources', name, 'target'], target }))
  if (archive) references.push({ path: ['archive', 'target'], target: archive.target })
  const known =
    targetNames.length > 0 ? `the name of a target: ${either(targetNames)}` : 'a target of `targets`'
  return references
    .flatMap(({ path, target }) =>
      target === undefined || targetNames.includes(target) ? [] : [{ path, target }],
    )
    .map(({ path, target }) => ({ path, expected: known, hint: didYouMean(target, targetNames) }))
}

function missingArchive({ sources, hasArchive }: Parts): Finding[] {
  if (hasArchive) return []
  return sources
    .filter(([, { archive }]) => archive)
    .map(([name]) => ({
      path: ['sources', name, 'archive'],
      expected: 'false, as the config has no `archive`',
      hint: 'say where archives go: `archive: { target: NAME }` at the top of the file',
    }))
}

function snapshotLimits({ sources }: Parts): Finding[] {
  return sources.flatMap(([name, source]): Finding[] => {
    const { size, max } = (source.snapshot ?? {}) as { size?: SnapshotSize | 'auto'; max?: SnapshotSize }
    if (!size || !max || size === 'auto') return []
    const tooSmall =
      'bytes' in size
        ? 'bytes' in max && max.bytes < size.bytes
        : 'percent' in max && max.percent < size.percent
    return tooSmall ? [{ path: ['sources', name, 'snapshot', 'max'], expected: 'at least the `size`' }] : []
  })
}

function volumesTwice({ sources }: Parts): Finding[] {
  const owners = new Map<string, string>()
  return sources.flatMap(([name, source]) => {
    if (!source.lv) return []
    const volume = `${source.lv.vg}/${source.lv.lv}`
    const owner = owners.get(volume)
    owners.set(volume, owner ?? name)
    return owner
      ? [{ path: ['sources', name, 'lv'], expected: `another volume than that of source ${owner}` }]
      : []
  })
}

interface Place {
  name: string
  kind: 'source' | 'target'
  path: string
  /** What is left out of a source: `/data/` at its top, and the like. */
  exclude: readonly string[]
}

function directories({ sources, targets }: Parts): Finding[] {
  const backedUp = sources.flatMap(([name, { path, exclude = [] }]): Place[] =>
    path === undefined ? [] : [{ name, kind: 'source', path, exclude: exclude.filter(isGiven) }],
  )
  const written = targets.flatMap(([name, { path }]): Place[] =>
    path === undefined ? [] : [{ name, kind: 'target', path, exclude: [] }],
  )
  return [
    ...backedUp.flatMap((source, i) => [
      ...apart(source, backedUp.slice(0, i), 'what is nested would be copied twice'),
      ...apart(source, written, 'a backup must not contain itself'),
    ]),
    ...written.flatMap((target, i) =>
      apart(target, written.slice(0, i), 'a sync of one could delete from the other'),
    ),
  ]
}

/** What hosts send must not be where a target is pruned, and a target not where hosts send. */
function vaultApart({ vaultPath, targets }: Parts): Finding[] {
  if (vaultPath === undefined) return []
  const clash = targets.find(([, { path }]) => path !== undefined && overlap(path, vaultPath))
  if (!clash) return []
  const [name, { path }] = clash
  return [{ path: ['vault', 'path'], expected: `a directory apart from target ${name} (${path})` }]
}

function apart(place: Place, others: readonly Place[], reason: string): Finding[] {
  const clash = others.find(
    (other) => overlap(other.path, place.path) && !holdsApart(place, other) && !holdsApart(other, place),
  )
  if (!clash) return []
  const [outer, inner] = isWithin(place.path, clash.path) ? [clash, place] : [place, clash]
  const way = `leave it out of ${outer.name}: \`exclude: [${below(outer.path, inner.path)}/]\``
  return [
    {
      path: [`${place.kind}s`, place.name, 'path'],
      expected: `a directory apart from ${clash.kind} ${clash.name} (${clash.path})`,
      hint: outer.kind === 'source' && outer.path !== inner.path ? `${reason}; or ${way}` : reason,
    },
  ]
}

function holdsApart(outer: Place, inner: Place): boolean {
  if (outer.path === inner.path || !isWithin(inner.path, outer.path)) return false
  return leavesOut(outer.exclude, below(outer.path, inner.path))
}

/** As the patterns of a source have it: with the source's own directory as the root. */
function below(directory: string, path: string): string {
  return directory === '/' ? path : path.slice(directory.length)
}

function mountPoints([name, target]: Parts['targets'][number]): Finding[] {
  const places = (target.mounts ?? []).map((mount) => mount?.at)
  return places.flatMap((at, i): Finding[] => {
    if (at === undefined) return []
    const path = ['targets', name, 'mounts', i, 'at']
    const findings: Finding[] = []
    if (target.path !== undefined && !overlap(at, target.path))
      findings.push({ path, expected: `${target.path}, or a path above or below it` })
    const earlier = places
      .slice(0, i)
      .filter(isGiven)
      .filter((other) => isWithin(other, at))
    if (earlier.includes(at)) findings.push({ path, expected: 'each mount point once' })
    else if (earlier[0]) {
      const hint = 'mounts are made in this order: move the parent up'
      findings.push({ path, expected: `${at} to be listed before ${earlier[0]}`, found: 'it after', hint })
    }
    return findings
  })
}

function hookNames({ hooks }: Parts): Finding[] {
  const names = hooks.map(({ name }) => name)
  return names.flatMap((name, i) =>
    name !== undefined && names.indexOf(name) < i
      ? [{ path: ['notify', i, 'name'], expected: 'a name that no other hook has' }]
      : [],
  )
}

/** When a source last succeeded is told from the record of its runs. */
function alertBeyondMemory({ keepMs, alertAfterMs }: Parts): Finding[] {
  if (keepMs === undefined || alertAfterMs === undefined || alertAfterMs <= keepMs) return []
  const expected = `at most what \`keep\` says, which is ${formatDuration(keepMs)}`
  return [{ path: ['alert', 'after'], expected }]
}
