import { backupFinish, runWarned, sourceFailed, sourceNext, targetOpen } from '../events/index.ts'
import {
  CancelledError,
  type Config,
  defineFunction,
  type Host,
  type RunInfo,
  reasonOf,
  type Source,
  TerminalError,
} from '../runtime/function.ts'

/**
 * Mounts and proves the targets of a run, and removes archives that a crash left half written. A source whose target
 * cannot be used fails; the others go on, those of one target in as many lanes as it permits (one after the other
 * unless the config says more), those of different targets side by side. Interrupted, it is given up: all sources have failed, and `target.close` unmounts what it mounted.
 */
export default defineFunction({
  on: targetOpen,
  emits: [sourceNext, sourceFailed, backupFinish, runWarned],
  timeout: '10m',

  async run({ data }, { config, host, run, emit, signal }) {
    const warn = (reason: string) => emit(runWarned, { reason })
    const problems = await openAll(targetsOf(data.sources, config), { config, host, run, signal, warn })
    const archiveProblem = config.archive && problems.get(config.archive.target)
    const usable = new Map<string, string[]>()
    for (const name of data.sources) {
      const source = config.sources[name]
      if (!source) throw new TerminalError(`source ${name} is not in the config any more`)
      const problem =
        problems.get(source.target) ??
        (source.archive ? archiveProblem : undefined) ??
        notApart(source, config, host)
      if (problem) emit(sourceFailed, { source: name, step: targetOpen.type, reason: problem })
      else usable.set(source.target, [...(usable.get(source.target) ?? []), name])
    }
    for (const [target, names] of usable) {
      for (const rest of lanes(names, config.targets[target]?.parallel ?? 1)) emit(sourceNext, { rest })
    }
    if (usable.size === 0) emit(backupFinish, {})
  },

  giveUp({ data, error }, { emit }) {
    const cancelled = error instanceof CancelledError
    for (const source of data.sources) {
      emit(sourceFailed, { source, step: targetOpen.type, reason: reasonOf(error), cancelled })
    }
    emit(backupFinish, {})
  },
})

/** Deals sources out in turn, each lane in their order; there is no empty one. */
function lanes(names: readonly string[], most: number): string[][] {
  const dealt = Array.from({ length: Math.min(most, names.length) }, (): string[] => [])
  for (const [index, name] of names.entries()) dealt[index % dealt.length]?.push(name)
  return dealt
}

/** What is wrong where a source and what is made of it lie in each other. */
function notApart(
  source: Source,
  { targets, archive }: Config,
  { targets: disks }: Host,
): string | undefined {
  const target = targets[source.target]
  const archives = source.archive && archive ? targets[archive.target] : undefined
  try {
    if (target) disks.proveApart(source, target, archives)
    return undefined
  } catch (error) {
    return reasonOf(error)
  }
}

function targetsOf(sources: readonly string[], config: Config): Set<string> {
  const used = sources.map((name) => config.sources[name])
  const archive = config.archive && used.some((source) => source?.archive) ? [config.archive.target] : []
  return new Set([...used.flatMap((source) => source?.target ?? []), ...archive])
}

interface Opening {
  config: Config
  host: Host
  run: RunInfo
  signal: AbortSignal
  warn: (reason: string) => void
}

/** @returns What is wrong with each target that cannot be used. */
async function openAll(
  names: Set<string>,
  { config, host, run, signal, warn }: Opening,
): Promise<Map<string, string>> {
  const problems = new Map<string, string>()
  for (const name of names) {
    const target = config.targets[name]
    try {
      if (!target) throw new TerminalError(`target ${name} is not in the config any more`)
      await host.targets.open(target, run.id)
      if (name === config.archive?.target) for (const one of await host.archives.tidy(target)) warn(one)
    } catch (error) {
      signal.throwIfAborted()
      problems.set(name, reasonOf(error))
    }
  }
  return problems
}
