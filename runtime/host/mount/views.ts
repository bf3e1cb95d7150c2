import { mkdirSync, readdirSync, readFileSync, realpathSync, rmdirSync, statSync } from 'node:fs'
import { release } from 'node:os'
import { basename, join, relative } from 'node:path'
import type { PathSource } from '../../config/config.ts'
import { type Command, CommandError, type CommandRunner } from '../command/command.ts'
import { programFile } from '../command/packages.ts'
import { rsyncVersion } from '../mirror/rsync.ts'
import { mountComplaint, unmount } from './mount.ts'
import { type Mount, mountOf, readMounts, topMountAt } from './mountinfo.ts'
import { proveRuntimeRoom } from './runtime-room.ts'

/** How a directory source is read. Disposed of, its mount is gone, if it has one. */
export interface View extends AsyncDisposable {
  /** Where it is read: by whoever follows no link, and by rsync after `forRsync`. */
  at: string
  /** Patterns for what other mounts cover: it is neither copied nor deleted, as if the source were read directly. */
  exclude: string[]
  /** Why somebody who may write in the source could lead rsync out of it; undefined where nobody can. */
  warning?: string | undefined
  /** Has to be called before rsync reads it. `at` and what follows it may be others then. */
  forRsync(): Promise<void>
  /** Whether nobody can lead whoever reads a list of names in it out of it, either. */
  holds: boolean
}

/**
 * How directories in use are read. Rsync before 3.5.0 opens files by their whole path: a user who swaps a folder for a link
 * during the copy makes root read what the link leads to; and whichever rsync is given a list follows a link whose name stands
 * in it with a slash behind. So the directory is bind-mounted read-only with `nosymfollow`: there the kernel follows no link.
 * @see mount(8), nosymfollow (since Linux 5.10)
 */
export interface Views {
  /**
   * A mount is made only once rsync needs it: most nights of most sources only look at names. Where the source has mounts
   * in it, it is made at once, as names under them are others.
   */
  open(source: PathSource, run: string): Promise<View>
}

export interface ViewsOptions {
  runner: CommandRunner
  /** Still runs commands when the handler has been cancelled. */
  closing: () => CommandRunner
  /** Where directories are mounted. */
  directory: string
}

export function createViews({ runner, closing, directory }: ViewsOptions): Views {
  return {
    async open(source, run) {
      let made: Promise<void> | undefined
      const view: View = {
        ...directView(source),
        forRsync() {
          made ??= mountFor(source, run).then((found) => void Object.assign(view, found))
          return made
        },
        async [Symbol.asyncDispose]() {
          if (view.at !== source.path) await drop(closing(), view.at).catch(() => {})
        },
      }
      if (!isPlain(source)) await view.forRsync()
      return view
    },
  }

  /** Safe to repeat: what an earlier attempt has mounted is unmounted first. @returns What is different in a view for rsync. */
  async function mountFor(source: PathSource, run: string): Promise<Partial<View>> {
    const need = await viewNeed(source, runner)
    if (!need) return {}
    await dropAll(runner, directory, source.name)
    const { path } = need
    const at = viewMountpoint(directory, run, source.name)
    proveRuntimeRoom(directory)
    const problem = need.problem ?? (await bind(runner, path, at))
    if (problem === undefined) return { at, exclude: coverPatterns(path), holds: true }
    await drop(closing(), at)
    return (await resistsSwaps(runner)) ? {} : { warning: `${swapFinding(problem)}: ${swapRemedy}` }
  }
}

/** A source that is read where it lies. */
export function directView({ path }: PathSource): View {
  // Whoever is not root reads nothing that is not for him.
  return {
    at: path,
    exclude: [],
    holds: !isRoot(),
    forRsync: async () => {},
    [Symbol.asyncDispose]: async () => {},
  }
}

/** Whether a view of a source would show the names that it has, and can be had, as far as can be told beforehand. */
export function isPlain(source: PathSource): boolean {
  const path = realPath(source.path)
  if (path === undefined) return true
  const mounts = readMounts()
  return mountsIn(path, mounts).length === 0 && viewProblem(path, mounts) === undefined
}

/** A directory that has to be read through a view, and what keeps it from that. */
export interface ViewNeed {
  /** Its real path. */
  path: string
  problem: string | undefined
}

/** Whether a source is to be read through a view: undefined where it can be read directly, or not at all. */
export async function viewNeed(source: PathSource, runner: CommandRunner): Promise<ViewNeed | undefined> {
  if (!isRoot()) return undefined
  const path = realPath(source.path)
  // The reader reports what is wrong with it.
  if (path === undefined) return undefined
  const problem = viewProblem(path)
  return problem !== undefined && (await resistsSwaps(runner)) ? undefined : { path, problem }
}

/** Where a directory is mounted to be read; a run's id has no dash in it. */
export function viewMountpoint(directory: string, run: string, source: string): string {
  return join(directory, `${run}-${source}`)
}

/** A private mount: what is mounted in the source later is not mounted there, and the other way round. */
export function bindArgv(path: string, at: string): Command['argv'] {
  return ['mount', '--bind', '--make-private', '-o', viewOptions.join(','), '--', path, at]
}

/** What is said of a source that has to be read without a view although it needs one. */
export function swapFinding(problem: string): string {
  return `this rsync follows a folder that somebody swaps for a link while it is copied, and ${problem}`
}

/**
 * Whether the installed rsync opens nothing behind a link that has taken a folder's place. A number tells it only where it
 * is high enough: what a distribution has put into an older one is not known, and a view does no harm then.
 */
export async function resistsSwaps(runner: CommandRunner): Promise<boolean> {
  const file = programFile('rsync')
  const { ino, mtimeMs } = file ? statSync(file) : { ino: 0, mtimeMs: 0 }
  const key = `${file} ${ino} ${mtimeMs}`
  if (asked?.key !== key) asked = { key, resists: asksVersion(runner) }
  // Whoever has asked may have been cancelled.
  return asked.resists.catch(() => asksVersion(runner))
}

/** Why a directory cannot be read through a view; undefined when it can, as far as can be told beforehand. */
export function viewProblem(path: string, mounts = readMounts()): string | undefined {
  if (isBefore(release(), '5.10')) return `Linux ${release()} has no mounts that follow no links`
  if (!mayMount()) return 'hdsync may not mount anything here'
  // What is mounted there from elsewhere, `--one-file-system` leaves out; the rest a view would hide.
  const hidden = mountsIn(path, mounts).find((mount) => !isElsewhere(mount, path, mounts))
  return hidden && `${hidden.at} is a mount in it that cannot be shown that way`
}

/** Patterns for what is mounted below a directory: a view shows what lies beneath. */
export function coverPatterns(path: string, mounts = readMounts()): string[] {
  const from = path === '/' ? 0 : path.length
  return mountsIn(path, mounts).map(({ at }) => `${at.slice(from).replace(/[\\*?[]/g, '\\$&')}/*`)
}

/** The first rsync that opens nothing behind such a link. */
const firstToResist = '3.5.0'
/** What makes it safe without a view. */
export const swapRemedy = `install rsync ${firstToResist} or newer`
const viewOptions = ['ro', 'nosymfollow', 'nodev', 'nosuid', 'noexec'] as const

/** Sources that are read at the same time ask once. */
let asked: { key: string; resists: Promise<boolean> } | undefined

async function asksVersion(runner: CommandRunner): Promise<boolean> {
  const version = await rsyncVersion(runner)
  return version !== undefined && !isBefore(version, firstToResist)
}

/** @returns Why it could not be mounted so. */
async function bind(runner: CommandRunner, path: string, at: string): Promise<string | undefined> {
  mkdirSync(at, { recursive: true, mode: 0o700 })
  try {
    // Where hdsync has mounts of its own, nobody else needs this one; how it is mounted would not come through.
    await runner.run({ argv: bindArgv(path, at), timeoutMs: 120_000, interruptible: false })
  } catch (error) {
    if (!(error instanceof CommandError) || error.exitCode === undefined) throw error
    return `it could not be mounted once more: ${mountComplaint(error)}`
  }
  // An older mount(8) does not know the option.
  const isSafe = topMountAt(readMounts(), at)?.options.includes('nosymfollow')
  return isSafe ? undefined : 'mount(8) has no option `nosymfollow`'
}

/** Mounts below a directory that show something else than lies there, without those below another one of them. */
function mountsIn(path: string, mounts: readonly Mount[]): Mount[] {
  const own = mountOf(mounts, path)
  const below = mounts.filter((one) => one.at !== path && isBelow(one.at, path) && !(own && isSame(one, own)))
  return below.filter(({ at }) => !below.some((other) => other.at !== at && isBelow(at, other.at)))
}

/** A folder that is mounted where it lies, to have other options there: systemd's `ProtectSystem=` does so. */
function isSame(mount: Mount, own: Mount): boolean {
  return mount.device === own.device && mount.root === join(own.root, relative(own.at, mount.at))
}

function isBelow(path: string, folder: string): boolean {
  return path.startsWith(folder === '/' ? '/' : `${folder}/`)
}

/**
 * Whether `--one-file-system` stops there. What a user has mounted by FUSE is not touched: it can hang, and it must not
 * keep a source from being read safely.
 */
function isElsewhere(mount: Mount, path: string, mounts: readonly Mount[]): boolean {
  if (mount.type.startsWith('fuse')) return true
  if (mount.device !== mountOf(mounts, path)?.device) return !isFileMount(mount)
  // Subvolumes of one btrfs are file systems of their own.
  const devices = [mount.at, path].map((at) => statSync(at, { throwIfNoEntry: false })?.dev)
  return devices[0] !== devices[1]
}

/** A file that is mounted over another is copied as it is seen; those of other machines are folders. */
function isFileMount({ at, type }: Mount): boolean {
  if (/^(nfs|cifs|smb|9p|ceph|afs|autofs)/.test(type)) return false
  return statSync(at, { throwIfNoEntry: false })?.isFile() ?? false
}

async function dropAll(runner: CommandRunner, directory: string, source: string): Promise<void> {
  const left = namesIn(directory).filter((name) => name.slice(name.indexOf('-') + 1) === source)
  for (const name of left) await drop(runner, join(directory, basename(name)))
}

/** Mounts may be stacked after an attempt that was killed. */
async function drop(runner: CommandRunner, at: string): Promise<void> {
  while (topMountAt(readMounts(), at)) await unmount(runner, at, false)
  try {
    rmdirSync(at)
  } catch {
    // It was never made, or it is not empty: then it is nothing of ours.
  }
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory)
  } catch {
    return []
  }
}

function realPath(path: string): string | undefined {
  try {
    return realpathSync(path)
  } catch {
    return undefined
  }
}

function isRoot(): boolean {
  return process.geteuid?.() === 0
}

/** @see capabilities(7), CAP_SYS_ADMIN */
function mayMount(): boolean {
  const effective = /^CapEff:\s*([0-9a-f]+)/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '0'
  return (BigInt(`0x${effective}`) & (1n << 21n)) !== 0n
}

/** Compares versions number by number. */
function isBefore(version: string, least: string): boolean {
  const numbers = (text: string) => (text.match(/\d+/g) ?? []).map(Number)
  const [is, other] = [numbers(version), numbers(least)]
  const at = other.findIndex((number, index) => number !== (is[index] ?? 0))
  return at >= 0 && (is[at] ?? 0) < (other[at] ?? 0)
}
