import { basename } from 'node:path'
import { sourceKept } from '../../../events/index.ts'
import { archiveHistory, keptNow, planPruning } from '../../backup/keep/keeping.ts'
import type { KeepPoint } from '../../backup/keep/points.ts'
import type { Pruning } from '../../backup/keep/pruning.ts'
import { type KeepRules, keepRules } from '../../backup/keep/tiers.ts'
import { loadFunctions } from '../../backup/load-functions.ts'
import { readPast } from '../../backup/past.ts'
import type { Config, Target } from '../../config/config.ts'
import { loadConfig } from '../../config/load.ts'
import type { EventBus } from '../../core/bus/bus.ts'
import { SqliteBus } from '../../core/bus/sqlite/bus.ts'
import { openDatabase } from '../../core/bus/sqlite/database.ts'
import { factPublication } from '../../core/publication.ts'
import { UsageError } from '../../errors.ts'
import { keptFolder } from '../../host/archive/shelf.ts'
import type { Host } from '../../host/host.ts'
import { isMounted } from '../../host/target/is-mounted.ts'
import { isoOf } from '../../instant.ts'
import { formatBytes } from '../../units.ts'
import { dateOf } from '../../weekday.ts'
import { hostFor } from '../daemon/disks.ts'
import { exitCodes } from '../exit-codes.ts'
import { type Painter, painter, wrapWords } from '../format.ts'
import type { Io } from '../io.ts'
import { onTargets } from '../keep/on-target.ts'
import { table } from '../table.ts'

interface PruneOptions {
  config?: string
  json?: boolean
  dryRun?: boolean
}

/** What came of one source. */
interface Pruned {
  source: string
  plan: Pruning
  gone: string[]
  problems: string[]
}

/**
 * `hdsync prune`: removes the archives that nothing keeps, as the end of each run does; with `--dry-run` says which, and
 * removes none. Without a dry run, and where the disk has to be mounted, it waits for a run that is going on.
 * @returns 3 where something could not be removed.
 */
export async function pruneCommand(options: PruneOptions, io: Io): Promise<number> {
  const config = await loadConfig({ path: options.config, env: io.env })
  const rules = keepRules(config)
  const to = config.archive && config.targets[config.archive.target]
  if (!to) throw new UsageError('there is no `archive:` in the config, and so nothing to prune')
  if (!rules) {
    if (options.json) io.stdout(`${JSON.stringify({ dryRun: options.dryRun === true, sources: [] })}\n`)
    else io.stdout('nothing is pruned: the config has neither `archive.keep` nor `archive.daily`\n')
    return exitCodes.succeeded
  }
  const look = (host: Host) => planAll(config, to, rules, host)
  const pruned = options.dryRun
    ? await (isMounted(to) ? look(hostFor(config)) : onTargets(config, [to], io, look))
    : await onTargets(config, [to], io, async (host) => carryOut(await look(host), config, to, host))
  io.stdout(options.json ? `${JSON.stringify(asJson(pruned, options))}\n` : textOf(pruned, options, io))
  for (const problem of pruned.flatMap(({ problems }) => problems)) io.stderr(`hdsync: ${problem}\n`)
  return pruned.some(({ problems }) => problems.length > 0) ? exitCodes.degraded : exitCodes.succeeded
}

async function planAll(config: Config, to: Target, rules: KeepRules, host: Host): Promise<Pruned[]> {
  const sources = Object.values(config.sources).filter(({ archive }) => archive)
  const told = readPast(config, ({ bus }) => sources.map(({ name }) => archiveHistory(bus, name)))
  return Promise.all(
    sources.map(async ({ name: source }, index) => ({
      source,
      plan: await planPruning({ source, to, rules }, told[index] ?? [], host.archives),
      gone: [],
      problems: [],
    })),
  )
}

/** Removes what goes, and has that on record. */
async function carryOut(planned: Pruned[], config: Config, to: Target, host: Host): Promise<Pruned[]> {
  const registry = await loadFunctions(config)
  const bus: EventBus = new SqliteBus(openDatabase(config.state), config.state)
  try {
    const done: Pruned[] = []
    for (const { source, plan } of planned) {
      const { gone, problems } = await host.archives.remove(to, plan.go)
      done.push({ source, plan, gone, problems })
      if (gone.length === 0) continue
      const waits = plan.waits === undefined ? {} : { waits: plan.waits }
      const fact = { source, kept: keptNow(plan), added: [], pruned: gone, ...waits }
      await bus.publish([factPublication(registry, sourceKept, fact, Date.now())])
    }
    return done
  } finally {
    bus.close()
  }
}

function asJson(pruned: readonly Pruned[], { dryRun = false }: PruneOptions) {
  const shape = ({ path, at, sizeBytes, state }: KeepPoint) => ({ path, at: isoOf(at), sizeBytes, state })
  return {
    dryRun,
    sources: pruned.map(({ source, plan, gone, problems }) => ({
      source,
      kept: plan.stay.map(({ point, for: keptFor }) => ({ ...shape(point), for: keptFor })),
      prune: plan.go.map(shape),
      pruned: gone,
      waits: plan.waits ?? null,
      problems,
    })),
  }
}

function textOf(pruned: readonly Pruned[], { dryRun }: PruneOptions, { colour, width }: Io): string {
  const paint = painter(colour)
  return pruned.map((one) => sourceText(one, dryRun === true, paint, width)).join('\n')
}

function sourceText({ source, plan, gone }: Pruned, dryRun: boolean, paint: Painter, width?: number): string {
  const { stay, go, waits } = plan
  const endings = new Set([...go, ...stay.map(({ point }) => point)].map((point) => endingOf(source, point)))
  const files = new Map(go.map(({ file, sizeBytes }) => [file, sizeBytes]))
  for (const { point } of stay) files.delete(point.file)
  const bytes = [...files.values()].reduce((sum, size) => sum + size, 0)
  const number = dryRun ? go.length : gone.length
  const what =
    number === 0
      ? 'nothing goes'
      : `${number} ${dryRun ? (number === 1 ? 'goes' : 'go') : 'removed'}, ${formatBytes(bytes)}`
  const rows = [
    ...go.map((point) => ({
      point,
      why: paint.yellow(dryRun ? 'goes' : gone.includes(point.path) ? 'removed' : 'not removed'),
    })),
    ...stay.map(({ point, for: keptFor }) => ({ point, why: keptFor.join(', ') || 'stays' })),
  ]
    .toSorted((one, other) => other.point.at - one.point.at)
    .map(({ point, why }) => [
      dateOf(point.at),
      point.folder.startsWith(`${keptFolder}/`) ? keptFolder : point.folder,
      // The name is that of the source: what compressed it is worth a column where that has changed.
      endings.size > 1 ? endingOf(source, point) : '-',
      formatBytes(point.sizeBytes),
      point.state === 'good' ? 'good' : paint.yellow(point.state),
      why,
    ])
  return [
    `${paint.bold(source)}: ${stay.length} ${stay.length === 1 ? 'archive stays' : 'archives stay'}, ${what}\n`,
    ...(waits === undefined ? [] : [folded(`nothing is removed for now: ${waits}`, width)]),
    rows.length > 0 ? table([['NIGHT', 'FOLDER', 'FORM', 'SIZE', 'STATE', 'KEPT FOR'], ...rows], width) : '',
  ].join('')
}

/** `tar.zst` */
function endingOf(source: string, { path }: KeepPoint): string {
  return basename(path).slice(source.length + 1)
}

function folded(text: string, width = Number.POSITIVE_INFINITY): string {
  return `${wrapWords(text, width - 2).join('\n  ')}\n`
}
