import { sourceArchived, sourceSynced } from '../../events/index.ts'
import type { Config, Source, Target } from '../config/config.ts'
import { reasonOf, TerminalError } from '../errors.ts'
import type { Context } from './function.ts'

/** What is wrong where a source and what is made of it lie in each other. */
export function notApart(source: Source, { config, host }: Context): string[] {
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
export function targetsOf(source: Source, { archive }: Config): string[] {
  return [...new Set([source.target, ...(source.archive && archive ? [archive.target] : [])])]
}

/** What is wrong with a target, by source, and what is odd about it. */
export interface Found {
  problems: Map<string, string>
  doors: string[]
  warnings: Map<string, string>
}

/**
 * Opens the targets of these sources, and claims there what they are about to write.
 * @param warn Told of what is in the way on a target but spoils no backup.
 * @returns What was found, by target.
 */
export async function openAll(
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
  // A source that cannot be backed up now is not claimed: nothing is written for it.
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
      const ours = names.filter((source) => !claimed.refused.has(source))
      recordOwners(target, ours, context, warn)
    })
  }
  return found
}

/** No backup needs them. */
function recordOwners(
  target: Target,
  sources: readonly string[],
  { host, clock }: Context,
  warn: (reason: string) => void,
): void {
  try {
    host.recordAccounts(target, sources, clock.now())
  } catch (error) {
    warn(`the names of users and groups could not be recorded on target ${target.name}: ${reasonOf(error)}`)
  }
}

function namesOn(target: string, sources: readonly Source[], config: Config): string[] {
  return sources.filter((source) => targetsOf(source, config).includes(target)).map(({ name }) => name)
}

/** A failure on one target is noted for its sources alone. */
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

/** Whether the journal knows the mirror or the archives of a source on a target. */
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
