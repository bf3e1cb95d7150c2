import { join } from 'node:path'
import type { Config } from '../../config/config.ts'
import { type CommandRunner, createRunner, unobserved } from '../../host/command/command.ts'
import { runtimeDirectory } from '../../host/host.ts'
import { Lvm, type Volume } from '../../host/lvm/lvm.ts'
import { createSnapshots, type Snapshots } from '../../host/lvm/snapshots.ts'
import { Ledger } from '../../host/mount/ledger.ts'
import { type Mount, readMounts } from '../../host/mount/mountinfo.ts'
import { touch } from '../../host/mount/real-path.ts'
import { hasSystemd } from '../../host/systemd/timer.ts'
import { createTargets, type Targets } from '../../host/target/targets.ts'

/** The box as checks look at it: the drivers of a night, of which only those are called that change nothing. */
export interface Box {
  config: Config
  /** The event store; see `storeId`. */
  store: string
  /** Whether this user is root. */
  root: boolean
  /** Whether systemd runs this machine. */
  systemd: boolean
  runner: CommandRunner
  mounts: readonly Mount[]
  snapshots: Pick<Snapshots, 'origin'>
  targets: Pick<Targets, 'prove'>
  ledger: Pick<Ledger, 'entries'>
  /** Where snapshots are mounted, and directories. */
  mountDirectories: string[]
  /** Where a run notes what it mounts. */
  runtimeDirectory: string
  /** Volumes of a group, or with a tag; asked for once. @throws As {@link Lvm.volumes}. */
  volumes(where: string): Promise<Volume[]>
}

/** Longest time that all commands together may take. */
const timeoutMs = 300_000

/** Commands of a check are nobody's: a run that begins meanwhile would end those that carry its store's id. */
function quietRunner(signal: AbortSignal): CommandRunner {
  return createRunner({ observer: unobserved, signal, owner: 'check' })
}

function pathsOf({ sources, targets }: Config): string[] {
  return [
    ...Object.values(targets).flatMap(({ path, mounts }) => [...mounts.map(({ at }) => at), path]),
    ...Object.values(sources).flatMap((source) => (source.kind === 'path' ? source.path : [])),
  ]
}

/** @param store The id of the event store; any word when there is none yet. */
export function createBox(
  config: Config,
  store: string,
  { signal = AbortSignal.timeout(timeoutMs), runner = quietRunner(signal) } = {},
): Box {
  const directory = runtimeDirectory(config.state, store)
  const snapshotDirectory = join(directory, 'snapshots')
  const ledger = new Ledger(directory)
  const lvm = new Lvm(runner)
  // What an automounter has to put there is seen only then.
  for (const path of pathsOf(config)) touch(path)
  const asked = new Map<string, Promise<Volume[]>>()
  return {
    config,
    store,
    root: process.geteuid?.() === 0,
    systemd: hasSystemd(),
    runner,
    mounts: readMounts(),
    snapshots: createSnapshots({ runner, store, directory: snapshotDirectory, signal }),
    targets: createTargets(runner, ledger, store, config.state),
    ledger,
    runtimeDirectory: directory,
    mountDirectories: [snapshotDirectory, join(directory, 'sources')],
    volumes(where) {
      const answer = asked.get(where) ?? lvm.volumes(where)
      asked.set(where, answer)
      return answer
    },
  }
}
