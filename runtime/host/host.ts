import { join } from 'node:path'
import type { FileSystem } from '../../events/index.ts'
import type { PathSource, Target } from '../config/config.ts'
import { type Archives, createArchives } from './archive/archives.ts'
import { type Boots, boots } from './boots.ts'
import {
  type Command,
  type CommandObserver,
  type CommandResult,
  type CommandRunner,
  createRunner,
} from './command/command.ts'
import { programRunner } from './command/programs.ts'
import { openSession, type Session } from './command/session.ts'
import { type Copies, createCopies } from './copies/copies.ts'
import { type FetchRequest, type FetchResponse, fetchFor } from './fetch.ts'
import { createSnapshots, type Snapshots } from './lvm/snapshots.ts'
import { createMachine, type Machine } from './machine/records.ts'
import { findGaps, type Gaps, type Ground } from './mirror/coverage.ts'
import { type HeldLists, heldLists } from './mirror/held-lists.ts'
import { createMirrors, type Mirrors } from './mirror/mirrors.ts'
import { fileSystemOf } from './mount/file-system-of.ts'
import { Ledger } from './mount/ledger.ts'
import { createViews, type Views } from './mount/views.ts'
import { createTellHook, type TellHook } from './notify/hooks.ts'
import { accountsHere } from './owners/accounts.ts'
import { recordAccounts } from './owners/recorded-accounts.ts'
import { createScratch, type Scratch } from './proof/scratch.ts'
import { createTargets, type Targets } from './target/targets.ts'

/** The box, as functions see it. Every command that any of this runs stands in the journal. */
export interface Host {
  snapshots: Snapshots
  views: Views
  targets: Targets
  mirrors: Mirrors
  archives: Archives
  copies: Copies
  boots: Boots
  machine: Machine
  scratch: Scratch
  /** Records which names the owners of sources have, on the disk of their backups: see `recordAccounts`. */
  recordAccounts(target: Target, sources: readonly string[], at: number): void
  /** What a copy of a directory leaves out without being told to. @param mirror The path of its mirror. */
  gaps(source: PathSource, config: Ground['config'], mirror: string): Promise<Gaps>
  /** What syncs that are held would delete. */
  held: HeldLists
  /** The file system that a folder lies on; undefined where it cannot be told. */
  fileSystem(folder: string): Promise<FileSystem | undefined>
  /** Tells a hook of an event. */
  hook: TellHook
  /** Runs the commands of a restore. */
  commands: CommandRunner
  /** Runs a program of the user's. @throws {CommandError} It failed. */
  program(command: Pick<Command, 'argv' | 'timeoutMs' | 'input' | 'env'>): Promise<CommandResult>
  /**
   * Asks a server over HTTP; where nothing is executed it is only shown. A status that tells of an error is an answer too.
   * @throws {RetryableError} There was no answer, or not in time.
   */
  fetch(url: string, request?: FetchRequest): Promise<FetchResponse>
  /** Starts a program of the user's that is talked to; it ends with the function at the latest. */
  session(command: Pick<Command, 'argv' | 'timeoutMs' | 'env'>): Session
  /** Resolves once these programs have ended: the function is not attempted again beside them. */
  programsEnded?(): Promise<void>
}

export interface HostOptions {
  observer: CommandObserver
  signal: AbortSignal
  /** Names the event store; see `storeId`. */
  store: string
  /** Where snapshots are mounted and the mounts of targets are noted. */
  runtimeDirectory: string
  /** Where the event store is; the indexes of archives are kept beside it. */
  stateDirectory: string
  /** Bytes a second; see `limits.read` of the config. */
  readLimit?: number | undefined
}

/** Unmounting waits a few seconds at most for whoever has a file open. */
const closingMs = 120_000

export function createHost(options: HostOptions): Host {
  const { observer, signal, store, runtimeDirectory, stateDirectory, readLimit } = options
  const runner = createRunner({ observer, signal, owner: store, readLimit })
  const ledger = new Ledger(runtimeDirectory)
  const programs = programRunner(runner, programsFolder(runtimeDirectory))
  return {
    snapshots: createSnapshots({ runner, store, directory: join(runtimeDirectory, 'snapshots'), signal }),
    views: createViews({
      runner,
      closing: () => createRunner({ observer, signal: AbortSignal.timeout(closingMs), owner: store }),
      directory: join(runtimeDirectory, 'sources'),
    }),
    targets: createTargets(runner, ledger, store, stateDirectory),
    mirrors: createMirrors(runner, runtimeDirectory),
    archives: createArchives({ runner, signal, boots, stateDirectory }),
    copies: createCopies(runner, { sockets: join(runtimeDirectory, 'ssh'), signal, owner: store }),
    boots,
    machine: createMachine(runner, runtimeDirectory),
    scratch: createScratch(runner, store, ledger),
    recordAccounts: (target, sources, at) => recordAccounts(target, sources, accountsHere(), at),
    gaps: (source, config, mirror) => findGaps(runner, source, config, { mirror }),
    held: heldLists(stateDirectory),
    fileSystem: (folder) => fileSystemOf(runner, folder),
    program: (command) => programs.run(command),
    programsEnded: () => programs.ended(),
    fetch: (url, request = {}) => fetchFor(url, request, signal),
    hook: createTellHook(runner, signal),
    commands: runner,
    session: (command) => openSession(programs, command),
  }
}

/** Folder of the notes of programs that run. */
export function programsFolder(runtimeDirectory: string): string {
  return join(runtimeDirectory, 'programs')
}

/** Folder for what lives as long as the machine is up: /run as root, the state directory otherwise. */
export function runtimeDirectory(stateDirectory: string, store: string): string {
  return process.getuid?.() === 0 ? `/run/hdsync/${store}` : join(stateDirectory, 'run')
}
