import {
  backupFinish,
  runWarned,
  sourceArchived,
  sourceFailed,
  sourceNext,
  sourceSynced,
  sourceWarned,
  targetOpen,
} from '../events/index.ts'
import {
  CancelledError,
  type Config,
  type Context,
  defineFunction,
  reasonOf,
  type Source,
  type Target,
  TerminalError,
} from '../runtime/function.ts'

/**
 * Mounts and proves the targets of a run, claims there what its sources are about to write, and removes archives that a
 * crash left half written. A source whose target cannot be used, or holds the mirror of another host in its place, fails;
 * the others go on, those of one target in as many lanes as it permits (one after the other unless the config says
 * more), those of different targets side by side. Interrupted, it is given up: all sources have failed, and
 * `target.close` unmounts what it mounted.
 */
export default defineFunction({
  on: targetOpen,
  emits: [sourceNext, sourceFailed, sourceWarned, backupFinish, runWarned],
  timeout: '10m',

  async run({ data }, context) {
    const { config, emit } = context
    const sources = data.sources.map((name) => {
      const source = config.sources[name]
      if (!source) throw new TerminalError(`source ${name} is not in the config any more`)
      return source
    })
    const found = await openAll(sources, context, (reason) => emit(runWarned, { reason }))
    const usable = new Map<string, string[]>()
    for (const source of sources) {
      const said = { source: source.name, step: targetOpen.type }
      const on = targetsOf(source, config).flatMap((name) => found.get(name) ?? [])
      // All that is wrong, so that it takes one night to learn of it.
      const told = on.flatMap(({ problems }) => problems.get(source.name) ?? [])
      const problems = told.length > 0 ? told : notApart(source, context)
      if (problems.length > 0) emit(sourceFailed, { ...said, reason: problems.join('; ') })
      else {
        const warnings = on.flatMap((one) => [...one.doors, one.warnings.get(source.name) ?? []].flat())
        for (const reason of new Set(warnings)) emit(sourceWarned, { ...said, reason })
        usable.set(source.target, [...(usable.get(source.target) ?? []), source.name])
      }
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
function notApart(source: Source, { config, host }: Context): string[] {
  const target = config.targets[source.target]
  const archives = source.archive && config.archive ? config.targets[config.archive.target] : undefined
  try {
    if (target) host.targets.proveApart(source, target, archives)
    return []
  } catch (error) {
    return [reasonOf(error)]
  }
}

/** Where a source's mirror and its archives go. */
function targetsOf(source: Source, { archive }: Config): string[] {
  return [...new Set([source.target, ...(source.archive && archive ? [archive.target] : [])])]
}

/** What is wrong with a target, by source, and what is odd about it. */
interface Found {
  problems: Map<string, string>
  doors: string[]
  warnings: Map<string, string>
}

async function openAll(
  sources: readonly Source[],
  context: Context,
  warn: (reason: string) => void,
): Promise<Map<string, Found>> {
  const { config, host, run, signal } = context
  const found = new Map<string, Found>()
  for (const name of new Set(sources.flatMap((source) => targetsOf(source, config)))) {
    const mine = sources.filter((source) => targetsOf(source, config).includes(name))
    const names = mine.map((source) => source.name)
    try {
      const target = config.targets[name]
      if (!target) throw new TerminalError(`target ${name} is not in the config any more`)
      const opened = await host.targets.open(target, run.id, names)
      if (name === config.archive?.target) for (const one of await host.archives.tidy(target)) warn(one)
      const strange = mine.filter(
        (source) => opened.found.includes(source.name) && !knows(source, target, context),
      )
      const warnings = new Map(strange.map((source) => [source.name, strangeText(source, target)]))
      found.set(name, { problems: opened.refused, doors: opened.doors, warnings })
    } catch (error) {
      signal.throwIfAborted()
      const problems = new Map(names.map((one) => [one, reasonOf(error)]))
      found.set(name, { problems, doors: [], warnings: new Map() })
    }
  }
  return found
}

/** Whether the record tells of the mirror or the archives that a target has of a source. */
function knows(source: Source, target: Target, { events, host }: Context): boolean {
  if (target.name !== source.target) return events.newest([sourceArchived], source.name) !== undefined
  const { id } = host.mirrors.identify(target, source)
  const synced = events.recent([sourceSynced], source.name, 100)
  // Older versions did not note which mirror it was.
  return synced.some(({ data }) => [undefined, id].includes((data as { mirror?: string }).mirror))
}

function strangeText(source: Source, target: Target): string {
  return `target ${target.name} holds backups of ${source.name} that this hdsync has no record of, and that nobody has claimed: they are its own from now on; if another host backs up there too, give each a folder of its own: \`path: …/%h\``
}
