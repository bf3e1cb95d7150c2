import type { DatabaseSync } from 'node:sqlite'
import { catalogue, hookDisabled } from '../../../events/index.ts'
import { noteChecked } from '../../backup/status/checked.ts'
import { type Config, hasSources } from '../../config/config.ts'
import { DEFAULT_CONFIG_FILE } from '../../config/config-file.ts'
import { loadConfig } from '../../config/load.ts'
import { SqliteBus } from '../../core/bus/sqlite/bus.ts'
import { isDamaged } from '../../core/bus/sqlite/damage.ts'
import { inMemory, openDatabaseForReading } from '../../core/bus/sqlite/database.ts'
import { storeId } from '../../core/bus/sqlite/identity.ts'
import { SqliteJournal } from '../../core/bus/sqlite/journal.ts'
import { lockHolder } from '../../core/bus/sqlite/lock-holder.ts'
import { type Box, createBox } from '../checks/box.ts'
import { checkCatalogue } from '../checks/catalogue.ts'
import { conditions } from '../checks/conditions.ts'
import { checkCopies } from '../checks/copies.ts'
import { checkDirectory, checkExclude, checkGaps, checkSwaps } from '../checks/directories.ts'
import { error, type Finding, ok, refused, warning } from '../checks/finding.ts'
import { checkFleet } from '../checks/fleet.ts'
import { checkFunctions } from '../checks/functions.ts'
import { checkHistory } from '../checks/history.ts'
import { checkHooks } from '../checks/hooks.ts'
import { checkCertificate, checkPort } from '../checks/http.ts'
import { checkKernel } from '../checks/kernel.ts'
import { checkLeftovers } from '../checks/leftovers.ts'
import { checkMachine } from '../checks/machine.ts'
import { conditionsText, findingsText } from '../checks/report.ts'
import { checkArchiveRoom, checkSourceRoom, type History } from '../checks/room.ts'
import { checkRuntimeRoom } from '../checks/runtime-room.ts'
import { checkSchedule } from '../checks/schedule.ts'
import { checkState } from '../checks/state.ts'
import { checkTarget } from '../checks/targets.ts'
import { checkTools } from '../checks/tools.ts'
import { checkVaultHere } from '../checks/vault.ts'
import { checkForeignSnapshots, checkVolume } from '../checks/volumes.ts'
import { checkFolders } from '../checks/writable.ts'
import { exitCodes } from '../exit-codes.ts'
import type { Io } from '../io.ts'
import { rootNeeded } from '../needs-root.ts'

/**
 * `hdsync check`: everything that could go wrong tonight. Changes nothing, but for a folder that it makes and removes on
 * each target that is mounted (see probeTarget), and works beside a run. What is wrong is noted in the state directory, for the page.
 * @returns 0 when all is well, 3 with warnings, 1 with errors. `ok` of the JSON says whether it is 0.
 * @throws {ConfigError} The config cannot be used, so that there is nothing to be checked.
 */
export async function checkCommand(
  options: { config?: string; json?: boolean; list?: boolean },
  io: Io,
): Promise<number> {
  if (options.list) {
    io.stdout(options.json ? `${JSON.stringify(listed)}\n` : conditionsText(io))
    return exitCodes.succeeded
  }
  const config = await loadConfig({ path: options.config, env: io.env })
  const reason = rootNeeded(config)
  const findings = reason ? [...checkConfig(config), withoutRoot(reason)] : await checkAndNote(config)
  const exitCode = exitCodeOf(findings)
  const good = exitCode === exitCodes.succeeded
  io.stdout(options.json ? `${JSON.stringify({ ok: good, findings })}\n` : findingsText(findings, io.colour))
  return exitCode
}

async function checkAndNote(config: Config): Promise<Finding[]> {
  // What is changed while it looks may be too late for it.
  const begun = Date.now()
  const findings = await check(config)
  noteChecked(config, findings, begun)
  return findings
}

/** What a user cannot look at would be found wrong, one thing after another. */
function withoutRoot(reason: string): Finding {
  return error('user.not-root', 'user', `${reason}: nothing else was looked at`, 'as root: sudo hdsync check')
}

function exitCodeOf(findings: readonly Finding[]): number {
  const severities = new Set(findings.map(({ severity }) => severity))
  if (severities.has('error')) return exitCodes.failed
  return severities.has('warning') ? exitCodes.degraded : exitCodes.succeeded
}

const listed = Object.entries(conditions).map(([id, [severity, meaning]]) => ({ id, severity, meaning }))

/** All findings, in the order of the config. */
async function check(config: Config): Promise<Finding[]> {
  const { database, problems } = openStore(config)
  try {
    const store = database ? storeId(database) : 'none'
    const box = createBox(config, store)
    const history = database && new SqliteBus(database, inMemory)
    const now = Date.now()
    const findings = await Promise.all([
      checkConfig(config),
      checkFolders(box),
      guarded('tools', checkTools(box)),
      guarded('kernel', checkKernel(box)),
      ...checkSources(box),
      database ? guarded('history', Promise.try(checkHistory, config, database, now)) : [],
      guarded('volume groups', checkForeignSnapshots(box)),
      ...Object.values(config.targets).map((target) =>
        guarded(`target ${target.name}`, checkTarget(target, box, history)),
      ),
      guarded('copies', checkCopies(config, box.runner)),
      checkVaultHere(config),
      guarded('fleet', checkFleet(box)),
      guarded('archives', checkArchiveRoom(box, history)),
      ...(isQuiet(database) ? checkCatalogues(box, history) : []),
      // The timer and cron start the default config.
      config.file === DEFAULT_CONFIG_FILE && hasSources(config)
        ? guarded('schedule', checkSchedule(box, now))
        : [],
      config.file === DEFAULT_CONFIG_FILE ? guarded('machine', checkMachine(box)) : [],
      checkRuntimeRoom(box),
      problems.length > 0 ? problems : guarded('state', checkState(config, database)),
      database ? guarded('leftovers', checkLeftovers(box, store, liveRuns(config, database))) : [],
      guarded('notifications', checkHooks(box, disabledHooks(config, database))),
      checkPort(config),
      checkCertificate(config, now),
      checkFunctions(config),
    ])
    return findings.flat()
  } finally {
    database?.close()
  }
}

function openStore(config: Config): { database?: DatabaseSync | undefined; problems: Finding[] } {
  try {
    return { database: openDatabaseForReading(config.state), problems: [] }
  } catch (thrown) {
    return { problems: [refused(isDamaged(thrown) ? 'store.damaged' : 'store.unreadable', 'state', thrown)] }
  }
}

function checkConfig({ file, sources, targets, warnings }: Config): Finding[] {
  const [from, to] = [Object.keys(sources).length, Object.keys(targets).length]
  const finding = `${file}: ${from} source${from === 1 ? '' : 's'}, ${to} target${to === 1 ? '' : 's'}`
  const remedy = 'correct the config'
  return [
    ok('config.ok', 'config', finding),
    ...warnings.map((text) => warning('config.odd', 'config', text, remedy)),
  ]
}

function checkSources(box: Box): Promise<Finding[]>[] {
  return Object.values(box.config.sources).map(async (source) => [
    ...(source.kind === 'lv'
      ? await checkVolume(source, box)
      : [
          ...checkDirectory(source, box),
          ...(await guarded(`source ${source.name}`, checkGaps(source, box))),
          ...(await guarded(`source ${source.name}`, checkSwaps(source, box))),
        ]),
    ...checkExclude(source),
    ...(await guarded(`source ${source.name}`, checkSourceRoom(source, box))),
  ])
}

/** While a run writes archives, catalogues are behind for a moment. */
function isQuiet(database: DatabaseSync | undefined): boolean {
  return database !== undefined && new SqliteJournal(database, catalogue).unended().length === 0
}

function checkCatalogues(box: Box, history: History): Promise<Finding[]>[] {
  return Object.values(box.config.sources).map((source) =>
    guarded(`source ${source.name}`, checkCatalogue(source, box, history)),
  )
}

/** A run is live that has not ended while somebody is at work. */
function liveRuns(config: Config, database: DatabaseSync): (runId: string) => boolean {
  const journal = new SqliteJournal(database, catalogue)
  const atWork = lockHolder(config.state) !== undefined
  return (runId) => {
    const run = journal.run(runId)
    return atWork && run !== undefined && !run.end
  }
}

/** What the store says of hooks that are not to be used any more. */
function disabledHooks(config: Config, database: DatabaseSync | undefined) {
  const bus = database && new SqliteBus(database, config.state)
  return (fingerprint: string) =>
    bus?.events({ types: [hookDisabled.type], subject: fingerprint, newestFirst: true, limit: 1 })[0]
}

/** One check that cannot be made must not hide what the others found. */
async function guarded(about: string, findings: Promise<Finding[]>): Promise<Finding[]> {
  try {
    return await findings
  } catch (thrown) {
    return [refused('check.failed', about, thrown)]
  }
}
