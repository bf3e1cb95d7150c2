import type { Envelope, FileSystem } from '../../../events/index.ts'
import type { LvSource } from '../../../runtime/config/config.ts'
import { TerminalError } from '../../../runtime/errors.ts'
import { createRunner, unobserved } from '../../../runtime/host/command/command.ts'
import type { Host } from '../../../runtime/host/host.ts'
import type { Asked, Written } from '../../../runtime/host/mirror/compare.ts'
import { heldLists } from '../../../runtime/host/mirror/held-lists.ts'
import type { LeftOut } from '../../../runtime/host/mirror/rsync-errors.ts'
import type { SyncOutcome } from '../../../runtime/host/mirror/rsync-exit-codes.ts'
import type { SyncStats } from '../../../runtime/host/mirror/rsync-output.ts'
import type { Share } from '../../../runtime/host/mirror/suspects.ts'
import { directView } from '../../../runtime/host/mount/views.ts'

const stats: SyncStats = { files: 100, created: 0, deleted: 2, transferred: 3, transferredBytes: 4096 }

const originBytes = 1024 ** 3

/** A box that keeps in mind what is done to it, and on which things go wrong when a test says so. */
export class Box implements Host {
  /** @param state Where lists of what is held can be kept. */
  constructor(state = '/proc/nowhere') {
    this.held = heldLists(state)
  }

  /** What was done, in its order. */
  readonly done: string[] = []
  /** Sources that have a snapshot now, and targets that are open. */
  readonly snapshotsNow = new Set<string>()
  readonly targetsOpen = new Set<string>()

  /** How many times mounting a source's snapshot fails. */
  readonly refusals: Record<string, number> = {}
  /** How many of a source's snapshots overflow. */
  readonly overflows: Record<string, number> = {}
  /** What a sync of a source would delete from its mirror, which has 100 files beside those. */
  readonly deletions: Record<string, number> = {}
  /** Their names, where it matters which they are. */
  readonly gone: Record<string, string[]> = {}
  /** Files of a mirror that a sync would change. */
  readonly changed: Record<string, string[]> = {}
  /** The file system that directories lie on. */
  fileSystemNow: FileSystem | undefined
  /** Names that a mirror has beside those, which no copy touches. */
  readonly notCopied: Record<string, number> = {}
  /** Mirrors of which not everything can be read. */
  readonly unreadable = new Set<string>()
  readonly emptySources = new Set<string>()
  /** Sources that equal their mirrors. */
  readonly unchanged = new Set<string>()
  /** Those of them that nobody has touched since the last copy, nor their mirrors. */
  readonly untouched = new Set<string>()
  /** How many times files of a source differ in their contents alone. */
  readonly written: Record<string, number> = {}
  /** Mirrors of which a dry run had to tell what a copy deletes. */
  readonly forecasts: string[] = []
  /** Mirrors whose names were read ahead, with the snapshots that there were then. */
  readonly surveys: ({ source: string; snapshots: string[] } & Pick<Asked, 'since' | 'writtenIn'>)[] = []
  /** The times in which such files were looked for. */
  readonly times: Written[] = []
  /** Patterns for what is mounted in directories. */
  covered: string[] = []
  /** Which parts of all files were compared by contents for good measure. */
  readonly shares: Share[] = []
  /** How many entries of a source are copied. */
  files = stats.files
  /** How large the files of each source are. */
  sizeBytes = 4096
  /** Entries whose times the mirror has not taken. */
  readonly differingTimes: string[] = []
  /** The mirror of the disk that is there now. */
  mirror = 'disk1/2'
  mirrorState = '2 1000'
  readonly comparedByContent = new Set<string>()
  /** Which uptimes of the machine ended in order. */
  readonly endedInOrder = new Set<string>()
  /** What is wrong with each earlier archive that is to be used again. */
  readonly damaged: string[] = []
  readonly missingTargets = new Set<string>()
  /** Sources that lie in their own mirror. */
  readonly notApart = new Set<string>()
  /** What is found on a target that is there. */
  readonly opened: Record<string, ReturnType<Host['targets']['claim']> & { doors: string[] }> = {}
  /** What happens before a source is copied or its archive written, and when a hook is run. */
  beforeSync: (source: string) => Promise<void> | void = () => {}
  beforeArchive: (source: string) => Promise<void> | void = () => {}
  onHook: (event: Envelope) => void = () => {}
  /** Entries that cannot be copied from a source. */
  readonly leftOut: Record<string, LeftOut> = {}
  /** Mirrors that have no room before something is deleted. */
  readonly fullUntilRoom = new Set<string>()
  /** How every sync ends. */
  outcome: SyncOutcome['kind'] = 'done'
  /** Size of each snapshot, in their order; undefined for a thin one. */
  readonly sizes: (number | undefined)[] = []

  readonly snapshots: Host['snapshots'] = {
    origin: async () => ({
      sizeBytes: originBytes,
      thin: false,
      freeBytes: 1024 ** 4,
      extentBytes: 4 * 1024 ** 2,
    }),
    create: async ({ name }, _run, sizeBytes) => {
      this.done.push(`snapshot ${name}`)
      this.sizes.push(sizeBytes)
      this.snapshotsNow.add(name)
    },
    mount: async ({ name }) => {
      if (taken(this.refusals, name))
        return { mounted: false, reason: 'wrong fs type', kernel: ['unable to replay log'] }
      this.done.push(`mount ${name}`)
      return { mounted: true, at: `/snapshots/${name}` }
    },
    prove: async ({ name, vg }) => {
      if (!this.snapshotsNow.has(name)) throw new TerminalError(`the snapshot of ${name} is gone`)
      return {
        at: `/snapshots/${name}`,
        device: name,
        sizeBytes: this.sizes.at(-1) ?? 0,
        vg,
        lv: `hdsync_${name}`,
        pool: undefined,
        originBytes,
      }
    },
    guard: () => ({ signal: new AbortController().signal, stop: async () => {} }),
    overflowed: async ({ device }) => taken(this.overflows, device),
    release: async (source: LvSource) => {
      if (!this.snapshotsNow.delete(source.name)) return []
      this.done.push(`release ${source.name}`)
      return [
        {
          vg: source.vg,
          lv: `hdsync_${source.name}`,
          sizeBytes: this.sizes.at(-1) ?? null,
          usedPercent: 12.5,
        },
      ]
    },
  }

  readonly views: Host['views'] = {
    open: async (source) => ({ ...directView(source), exclude: this.covered }),
  }

  readonly targets: Host['targets'] = {
    open: async ({ name }) => {
      if (this.missingTargets.has(name)) throw new TerminalError(`the disk of ${name} is not there`)
      this.targetsOpen.add(name)
      return this.opened[name]?.doors ?? []
    },
    claim: ({ name }) => this.opened[name] ?? { refused: new Map(), found: [] },
    foreign: ({ name }) => this.opened[name] ?? { refused: new Map(), found: [] },
    mount: async () => {},
    mountToRead: async () => {},
    prove: async ({ name }) => {
      if (!this.targetsOpen.has(name)) throw new TerminalError(`target ${name}: nothing is mounted`)
    },
    proveApart: ({ name }) => {
      if (this.notApart.has(name)) throw new TerminalError(`${name} lies in its own mirror`)
    },
    close: async () => {
      this.targetsOpen.clear()
      this.done.push('close targets')
    },
  }

  readonly mirrors: Host['mirrors'] = {
    open: async (_target, { name }) => ({
      path: `/mirrors/${name}`,
      empty: false,
      subsecondTimes: true,
      id: this.mirror,
      state: this.mirrorState,
    }),
    identify: () => ({ id: this.mirror, state: this.mirrorState }),
    survey: async (_target, { name }, _run, { since, writtenIn } = {}) =>
      void this.surveys.push({ source: name, snapshots: [...this.snapshotsNow], since, writtenIn }),
    whereTimesDiffer: async () => this.differingTimes,
    compare: async ({ to }, _run, { writtenIn, since, share, changes } = {}) => {
      if (writtenIn) this.times.push(writtenIn)
      if (share) this.shares.push(share)
      const written = writtenIn && taken(this.written, baseOf(to)) ? '/run/list' : undefined
      if (this.unreadable.has(baseOf(to))) {
        return { sourceNames: undefined, mirrorNames: undefined, deletionsAtMost: undefined, written }
      }
      const more = this.notCopied[baseOf(to)] ?? 0
      const deleted = this.#deletionsOf(to)
      const untouched = this.untouched.has(baseOf(to))
      return {
        sourceNames: stats.files,
        mirrorNames: stats.files + deleted + more,
        deletionsAtMost: deleted + more,
        ...(changes && {
          changesAtMost: this.changed[baseOf(to)]?.length ?? 0,
          mirrorRegular: stats.files + deleted + more,
        }),
        written,
        facts: since && { same: untouched ? stats.files : stats.files - 1, changed: untouched ? 0 : 1 },
      }
    },
    forecast: async ({ to }) => {
      this.forecasts.push(baseOf(to))
      const deleted = this.#deletionsOf(to)
      const names = this.gone[baseOf(to)] ?? Array.from({ length: deleted }, (_, n) => `file${n}`)
      const changedNames = this.changed[baseOf(to)] ?? []
      return {
        ...stats,
        deleted: names.length,
        names,
        changedNames,
        otherNames: [],
        mirrorRegular: stats.files,
      }
    },
    syncWritten: async ({ to }) => {
      this.done.push(`sync some of ${baseOf(to)}`)
      const some = { ...stats, deleted: 0, transferred: 1, transferredBytes: 1 }
      return { kind: 'done', stats: some, unchanged: false }
    },
    sync: async ({ to, maxDelete, checksum }) => {
      const source = baseOf(to)
      await this.beforeSync(source)
      if (checksum) this.comparedByContent.add(source)
      this.done.push(`sync ${source}, deleting ${maxDelete} at most`)
      if (this.fullUntilRoom.has(source)) throw new TerminalError('no room', { kind: 'no-space' })
      const leftOut = this.leftOut[source]
      if (leftOut) return { kind: 'done', stats, unchanged: false, leftOut }
      const unchanged = this.unchanged.has(source)
      const changed = this.changed[source]?.length ?? 0
      const copied = { files: this.files, sizeBytes: this.sizeBytes, changed }
      const done = unchanged
        ? { ...stats, deleted: 0, transferred: 0, transferredBytes: 0, ...copied }
        : { ...stats, deleted: this.#deletionsOf(to), ...copied }
      return { kind: this.outcome, stats: done, skipped: 1, unchanged } as SyncOutcome
    },
    makeRoom: async ({ to, maxDelete }) => {
      this.done.push(`make room in ${baseOf(to)}, deleting ${maxDelete} at most`)
      this.fullUntilRoom.delete(baseOf(to))
      return { kind: 'done', stats: { ...stats, deleted: this.#deletionsOf(to) }, unchanged: false }
    },
    flush: async (path) => void this.done.push(`flush ${baseOf(path)}`),
    isEmpty: (path) => this.emptySources.has(baseOf(path)),
  }

  #deletionsOf(mirror: string): number {
    const named = this.gone[baseOf(mirror)]
    if (named) return named.length
    return this.unchanged.has(baseOf(mirror)) ? 0 : (this.deletions[baseOf(mirror)] ?? stats.deleted)
  }

  readonly boots = {
    current: 'boot1',
    inOrderSince: (boot: string) => boot === this.boots.current || this.endedInOrder.has(boot),
  }

  /** The archives that stand on the disk. */
  standing: Awaited<ReturnType<Host['archives']['standing']>> = []
  /** What `tidy` cannot remove. */
  inTheWay: string[] = []

  /** What a copy leaves out without being told to. */
  missing: Awaited<ReturnType<Host['gaps']>> = { uncovered: [], shadowed: [] }
  readonly gaps: Host['gaps'] = async () => this.missing

  readonly recordAccounts: Host['recordAccounts'] = () => {}

  readonly machine: Host['machine'] = {
    look: async () => ({
      host: 'box',
      system: 'Linux',
      kernel: { release: '6.1', commandLine: '' },
      firmware: 'bios',
      bootLoader: { name: 'unknown', platforms: [] },
      devices: [],
      partitionTables: [],
      raids: [],
      encrypted: [],
      groups: [],
      physicalVolumes: [],
      volumes: [],
      mounts: [],
      files: {},
      unknown: [],
    }),
    record: async () => {},
  }
  readonly held: Host['held']
  readonly fileSystem: Host['fileSystem'] = async () => this.fileSystemNow

  readonly copies: Host['copies'] = {
    absence: async () => undefined,
    send: async ({ sha256 }) => sha256,
    prove: async () => undefined,
    seal: async ({ path, file, sizeBytes, sha256 }) => ({ path, file, sizeBytes, sha256 }),
    vault: () => {
      throw new Error('there is no vault')
    },
    release: () => {},
    hangUp: async () => {},
  }

  readonly archives: Host['archives'] = {
    tidy: async () => this.inTheWay,
    stand: async (earlier) => earlier.length > 0,
    standing: async () => this.standing,
    keep: async (_target, path, night) => {
      this.done.push(`keep ${path} of ${night}`)
      const { file = '', sizeBytes = 0 } = this.standing.find((one) => one.path === path) ?? {}
      return { path: `/archives/kept/${night}/${baseOf(path)}`, how: 'hard link', file, sizeBytes }
    },
    remove: async (_target, archives) => {
      this.done.push(...archives.map(({ path }) => `remove ${path}`))
      return { gone: archives.map(({ path }) => path), problems: [] }
    },
    room: async () => ({ freeBytes: 1024 ** 4, totalBytes: 1024 ** 4 }),
    reuse: async ({ source, weekday }, earlier) => {
      const damaged = this.damaged.splice(0)
      const [one] = damaged.length > 0 ? [] : earlier
      if (!one) return { damaged }
      this.done.push(`link ${source} on ${weekday}`)
      const { path: linkedFrom, ...same } = one
      return { archive: { ...same, path: `/archives/${weekday}/${source}.tar.zst`, linkedFrom }, damaged }
    },
    write: async ({ source, weekday }) => {
      await this.beforeArchive(source)
      this.done.push(`archive ${source} on ${weekday}`)
      const proof = { sha256: '0'.repeat(64), basis: 'the same', file: source }
      const path = `/archives/${weekday}/${source}.tar.zst`
      return { archive: { path, sizeBytes: 9, ...proof }, damaged: [] }
    },
  }

  readonly hook: Host['hook'] = async (_hook, event) => {
    this.onHook(event)
    return 'told'
  }

  readonly fetch: Host['fetch'] = async () => {
    throw new Error('no function of ours fetches anything')
  }

  readonly program: Host['program'] = async () => {
    throw new Error('no function of ours runs a program')
  }

  readonly commands = createRunner({
    observer: unobserved,
    signal: new AbortController().signal,
    owner: 'test',
  })

  readonly scratch: Host['scratch'] = {
    open: async () => {
      throw new Error('no drill is made here')
    },
    empty: async () => {
      throw new Error('no drill is made here')
    },
  }

  readonly session: Host['session'] = () => {
    throw new Error('no function of ours has a session')
  }
}

function baseOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1)
}

/** Whether there is one left; takes it. */
function taken(counts: Record<string, number>, name: string): boolean {
  const left = counts[name] ?? 0
  counts[name] = left - 1
  return left > 0
}
