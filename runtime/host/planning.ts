import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { LvSource, Target } from '../config/config.ts'
import { TerminalError } from '../errors.ts'
import { tarArgv, testOf } from './archive/archive-form.ts'
import { archivePath, temporaryPath } from './archive/archive-place.ts'
import { createRunner } from './command/command.ts'
import { createHost, type Host, type HostOptions } from './host.ts'
import { Lvm, lvcreateArgv, lvremoveProvenArgv } from './lvm/lvm.ts'
import { snapshotMountpoint, snapshotName, snapshotTags } from './lvm/snapshots.ts'
import { listFor } from './mirror/compare.ts'
import { isEmptyDirectory, keepsSubsecondTimes } from './mirror/directory.ts'
import { identify, type MirrorIdentity, mirrorPath } from './mirror/mirror-identity.ts'
import { flushArgv } from './mirror/mirrors.ts'
import { rsyncArgv } from './mirror/rsync-argv.ts'
import type { SyncStats } from './mirror/rsync-output.ts'
import {
  filesystemType,
  hasDriverOfExt2,
  inodesKeepSubseconds,
  snapshotMountOptions,
  snapshotType,
} from './mount/filesystem.ts'
import { mountArgv, umountArgv } from './mount/mount.ts'
import { readMounts, topMountAt } from './mount/mountinfo.ts'
import { bindArgv, coverPatterns, directView, isPlain, viewMountpoint, viewNeed } from './mount/views.ts'
import { devicePath, inClosingOrder, mountPoint } from './target/targets.ts'

/** Commands that would run, joined by pipes; `file` takes the output of the last. */
export interface PlannedStep {
  argvs: (readonly string[])[]
  file?: string
  /** What a session would be told. */
  said?: string[]
  /** It is left out when the copy has found that nothing at all has changed. */
  unlessUnchanged?: true
  /** It is left out when a look at both sides tells that nothing has changed since the last copy. */
  unlessNeedless?: true
  /** It is made only when a copy might delete more than is permitted, as far as names alone tell. */
  ifDoubtful?: true
  /** It is made only when files may have changed although their size and time have not. */
  ifWritten?: true
}

/** What only a look into the event store tells; without one, a mirror that cannot be seen is taken to hold something. */
export interface Past {
  /** Whether a source has been synced before. */
  wasSynced(source: string): boolean
  /** Whether there is an archive of a source that could stand for tonight's, if nothing has changed. */
  hasArchive(source: string): boolean
}

const nothing: SyncStats = { files: 0, created: 0, deleted: 0, transferred: 0, transferredBytes: 0 }

/**
 * A host that writes down what it would do. It looks at the box (sizes, types, what is mounted) but changes
 * nothing, and lets every step go well, so that functions lead it through a whole night.
 */
export function createPlanner(
  plan: (step: PlannedStep) => void,
  past: Past = { wasSynced: () => true, hasArchive: () => false },
): (options: HostOptions) => Host {
  // A host is made for each step of the chain; what has been planned lasts for all of them.
  const made: Made = { snapshots: new Map(), views: new Map(), mounts: [], later: new Set() }
  return (options) => createPlanningHost(options, plan, made, past)
}

interface Made {
  /** Where the snapshot of each source would be mounted, and the tags that it would have. */
  snapshots: Map<string, { at: string; tags: readonly string[] }>
  /** Where directories would be mounted, and which. */
  views: Map<string, string>
  mounts: { at: string }[]
  /** Mirrors that hold something: a copy may find that it has nothing to do. */
  later: Set<string>
}

function createPlanningHost(
  options: HostOptions,
  plan: (step: PlannedStep) => void,
  made: Made,
  past: Past,
): Host {
  const real = createHost(options)
  const runner = createRunner({ ...options, owner: options.store })
  const directory = join(options.runtimeDirectory, 'snapshots')
  const step = (...argvs: (readonly string[])[]) => plan({ argvs })
  /** What the copy has found by then decides about some steps. */
  const unlessUnchanged = (mirror: string) =>
    made.later.has(mirror) ? { unlessUnchanged: true as const } : undefined
  const nameOf = (source: LvSource) => ({ vg: source.vg, lv: snapshotName(source.name) })

  const identifySeen = (target: Target, path: string): MirrorIdentity =>
    isSeen(target) ? identify(target, path) : { id: undefined, state: undefined }

  /** For a mirror whose disk is not mounted: by the type of its file system. */
  async function wouldKeepSubsecondTimes(target: Target, path: string): Promise<boolean> {
    const below = target.mounts.findLast(({ at }) => `${path}/`.startsWith(`${at}/`))
    if (!below) return true
    const device = await devicePath(runner, below.device)
    const type = below.type ?? (await filesystemType(runner, device)) ?? ''
    if (['reiserfs', 'vfat', 'msdos'].includes(type) || (type === 'ext2' && hasDriverOfExt2())) return false
    return !/^ext[234]$/.test(type) || (await inodesKeepSubseconds(runner, device))
  }

  return {
    commands: runner,
    // A night copies nothing to other places: that is a run of its own.
    copies: real.copies,
    scratch: real.scratch,
    snapshots: {
      origin: (source) => real.snapshots.origin(source),
      async create(source, run, sizeBytes) {
        const tags = snapshotTags(options.store, run, source.name)
        step(lvcreateArgv({ ...nameOf(source), origin: source.lv, tags, sizeBytes }))
      },
      async mount(source, run) {
        const { device, path } = await new Lvm(runner).volume(source.vg, source.lv)
        const live = readMounts().find((mounted) => mounted.device === device)
        const type = await snapshotType(runner, path, live)
        if (!type) throw new TerminalError(`no file system is recognised on ${path}`)
        const at = snapshotMountpoint(directory, run, source.name)
        const snapshot = `/dev/${source.vg}/${snapshotName(source.name)}`
        step(mountArgv({ device: snapshot, at, type, options: snapshotMountOptions(type, live) }))
        made.snapshots.set(source.name, { at, tags: snapshotTags(options.store, run, source.name) })
        return { mounted: true, at }
      },
      prove: async (source) => ({
        ...nameOf(source),
        at: made.snapshots.get(source.name)?.at ?? '',
        device: '',
        pool: undefined,
        sizeBytes: 0,
        originBytes: 0,
        usedPercent: undefined,
      }),
      guard: () => ({ signal: options.signal, stop: async () => {} }),
      overflowed: async () => false,
      async release(source) {
        const snapshot = made.snapshots.get(source.name)
        if (!snapshot) return []
        step(umountArgv(snapshot.at))
        step(lvremoveProvenArgv({ ...nameOf(source), origin: source.lv, tags: snapshot.tags }))
        made.snapshots.delete(source.name)
        return []
      },
    },
    views: {
      async open(source, run) {
        const need = await viewNeed(source, runner)
        if (!need || need.problem) return directView(source)
        const at = viewMountpoint(join(options.runtimeDirectory, 'sources'), run, source.name)
        // Where names alone tell that nothing has changed, rsync reads nothing.
        const condition = past.wasSynced(source.name) && isPlain(source) && { unlessNeedless: true as const }
        plan({ argvs: [bindArgv(need.path, at)], ...condition })
        made.views.set(at, need.path)
        return {
          ...directView(source),
          holds: true,
          at,
          exclude: coverPatterns(need.path),
          [Symbol.asyncDispose]: async () => plan({ argvs: [umountArgv(at)], ...condition }),
        }
      },
    },
    targets: {
      async open(target) {
        if (isSeen(target)) await real.targets.prove(target)
        for (const { device, at, type, options: extra } of target.mounts) {
          const real = mountPoint(target, at)
          if (topMountAt(readMounts(), real)) continue
          const path = await devicePath(runner, device)
          step(mountArgv({ device: path, at: real, type, options: [...(extra ?? []), 'nodev', 'nosuid'] }))
          made.mounts.push({ at: real })
        }
        return []
      },
      claim: (target, sources) =>
        isSeen(target) ? real.targets.foreign(target, sources) : { refused: new Map(), found: [] },
      foreign: (target, sources) => real.targets.foreign(target, sources),
      mount: async () => {},
      mountToRead: async () => {},
      prove: async () => {},
      proveApart(source, target, others) {
        if (isSeen(target) && (!others?.archives || isSeen(others.archives))) {
          real.targets.proveApart(source, target, others)
        }
      },
      async close() {
        for (const { at } of inClosingOrder(made.mounts.splice(0))) step(umountArgv(at))
      },
    },
    mirrors: {
      async open(target, source) {
        const path = mirrorPath(target, source)
        // One that cannot be seen now holds something if it was ever synced: then that is no first copy.
        const seen = isSeen(target) && existsSync(path)
        return {
          path,
          empty: isSeen(target) ? !seen || isEmptyDirectory(path) : !past.wasSynced(source.name),
          subsecondTimes: isSeen(target)
            ? keepsSubsecondTimes(seen ? path : target.path)
            : await wouldKeepSubsecondTimes(target, path),
          ...identifySeen(target, path),
        }
      },
      identify: (target, source) => identifySeen(target, mirrorPath(target, source)),
      survey: async () => {},
      async compare({ to }, _run, { writtenIn, since } = {}) {
        const written = writtenIn && listFor(to, options.runtimeDirectory)
        const listed = since && listFor(to, options.runtimeDirectory, 'changed')
        return { sourceNames: undefined, mirrorNames: undefined, deletionsAtMost: undefined, written, listed }
      },
      async forecast(syncPlan) {
        // Whether it is needed, only the names tell: both ways are planned.
        plan({ argvs: [rsyncArgv(syncPlan, true)], ifDoubtful: true })
        made.later.add(syncPlan.to)
        return { ...nothing, names: [], changedNames: [], otherNames: [], mirrorRegular: 0 }
      },
      whereTimesDiffer: async () => [],
      async syncWritten(syncPlan, only) {
        plan({ argvs: [rsyncArgv({ ...syncPlan, only, checksum: true })], ifWritten: true })
        return { kind: 'done', stats: nothing, unchanged: false }
      },
      async sync(syncPlan) {
        // How many that is, the mirror tells; a first copy has none to delete.
        const limit = made.later.has(syncPlan.to) ? 'N' : String(syncPlan.maxDelete)
        const argv = rsyncArgv(syncPlan).map((word) => word.replace(/^(--max-delete=).*/, `$1${limit}`))
        plan({ argvs: [argv], ...(made.later.has(syncPlan.to) && { unlessNeedless: true }) })
        return { kind: 'done', stats: nothing, unchanged: false }
      },
      makeRoom: async () => ({ kind: 'done', stats: nothing, unchanged: false }),
      flush: async (path) => step(flushArgv(path)),
      isEmpty: (path) =>
        !made.snapshots.values().some(({ at }) => at === path) &&
        isEmptyDirectory(made.views.get(path) ?? path),
    },
    boots: real.boots,
    // It copies nothing, and most of it only looks.
    machine: { look: () => real.machine.look(), record: async () => {} },
    recordAccounts() {},
    held: { ...real.held, keep: () => '', use: () => {}, forget: () => {}, prune: () => {} },
    // A plan is of a night in which all goes well.
    fileSystem: async () => undefined,
    archives: {
      tidy: async () => [],
      stand: async () => false,
      reuse: async () => ({ damaged: [] }),
      standing: async () => [],
      keep: async (_target, path) => ({ path, how: 'there', file: '', sizeBytes: 0 }),
      remove: async () => ({ gone: [], problems: [] }),
      room: async () => ({ freeBytes: 0, totalBytes: 0 }),
      async write(archive) {
        const file = temporaryPath(archive)
        const test = testOf(archive.compression)
        const mirror = mirrorPath(archive.from, { name: archive.source })
        const condition = past.hasArchive(archive.source) ? unlessUnchanged(mirror) : undefined
        plan({ argvs: [tarArgv(archive)], file, ...condition })
        if (test) plan({ argvs: [test.argv], ...condition })
        return {
          archive: { path: archivePath(archive), sizeBytes: 0, sha256: '0'.repeat(64), file: '' },
          damaged: [],
        }
      },
    },
    gaps: async () => ({ uncovered: [], shadowed: [] }),
    hook: async () => 'told nobody: this is a plan',
    fetch: async () => ({ status: 200, ok: true, headers: {}, text: '' }),
    session({ argv }) {
      const said: string[] = []
      plan({ argvs: [argv], said })
      return {
        say: (line) => void said.push(line),
        hear: async () => '',
        end: async () => ({ exitCode: 0, stdout: '', stderr: '', durationMs: 0 }),
      }
    },
    async program({ argv }) {
      step(argv)
      return { exitCode: 0, stdout: '', stderr: '', durationMs: 0 }
    },
  }
}

function isSeen(target: Target): boolean {
  return target.mounts.every(({ at }) => topMountAt(readMounts(), mountPoint(target, at)))
}
