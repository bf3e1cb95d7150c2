import {
  backupFinish,
  runWarned,
  sourceArchived,
  sourceFailed,
  sourceNext,
  sourceSynced,
  sourceWarned,
  targetOpen,
} from '../../events/index.ts'
import { type Context, defineFunction } from '../../runtime/backup/function.ts'
import type { Config, Source, Target } from '../../runtime/config/config.ts'
import { CancelledError, reasonOf, TerminalError } from '../../runtime/errors.ts'

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
    if (target) host.targets.proveApart(source, target, { archives, state: config.state })
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
  const { config } = context
  const found = new Map<string, Found>()
  for (const name of new Set(sources.flatMap((source) => targetsOf(source, config)))) {
    const one: Found = { problems: new Map(), doors: [], warnings: new Map() }
    found.set(name, one)
    await settle(one, name, namesOn(name, sources, config), context, async (target) => {
      one.doors = await context.host.targets.open(target, context.run.id)
      if (name === config.archive?.target)
        for (const each of await context.host.archives.tidy(target)) warn(each)
    })
  }
  // What cannot be backed up tonight is not claimed either: nothing at all is written for it.
  const sound = sources.filter(({ name }) => ![...found.values()].some(({ problems }) => problems.has(name)))
  for (const [name, one] of found) {
    const names = namesOn(name, sound, config)
    await settle(one, name, names, context, (target) => {
      const claimed = context.host.targets.claim(target, names)
      one.problems = new Map([...one.problems, ...claimed.refused])
      const strange = sound.filter(
        (source) => claimed.found.includes(source.name) && !knows(source, target, context),
      )
      one.warnings = new Map(strange.map((source) => [source.name, strangeText(source, target)]))
    })
  }
  return found
}

function namesOn(target: string, sources: readonly Source[], config: Config): string[] {
  return sources.filter((source) => targetsOf(source, config).includes(target)).map(({ name }) => name)
}

/** What fails on one target is a problem of its sources alone. */
async function settle(
  found: Found,
  name: string,
  names: readonly string[],
  { config, signal }: Context,
  work: (target: Target) => Promise<void> | void,
): Promise<void> {
  try {
    const target = config.targets[name]
    if (!target) throw new TerminalError(`target ${name} is not in the config any more`)
    if (names.length > 0) await work(target)
  } catch (error) {
    signal.throwIfAborted()
    found.problems = new Map([...found.problems, ...names.map((one) => [one, reasonOf(error)] as const)])
  }
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
