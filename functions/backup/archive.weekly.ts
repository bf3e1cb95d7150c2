import {
  archiveDamaged,
  archivePrune,
  archiveWeekly,
  backupFinish,
  mirrorSuspect,
  runWarned,
  sourceArchived,
  sourceFailed,
  sourceSynced,
} from '../../events/index.ts'
import { configured } from '../../runtime/backup/configured.ts'
import { earlierArchives, provesUnchanged } from '../../runtime/backup/earlier-archives.ts'
import { failSources } from '../../runtime/backup/failed-step.ts'
import { defineFunction } from '../../runtime/backup/function.ts'
import { eventsLookedAt, keepDue } from '../../runtime/backup/keep/keeping.ts'
import { tellsOfArchives } from '../../runtime/backup/keep/points.ts'
import { keepRules } from '../../runtime/backup/keep/tiers.ts'
import { TerminalError } from '../../runtime/errors.ts'
import { weekdayOf } from '../../runtime/weekday.ts'

/**
 * Writes the weekday's archive of a source from its mirror; last week's stands until this one is proven, and longer if it is
 * to be kept. Where the mirror has not changed since an earlier archive, it becomes a link of that one. Interrupted, it is given up: the source has
 * failed, and what was written so far is removed.
 */
export default defineFunction({
  on: archiveWeekly,
  emits: [sourceArchived, archiveDamaged, archivePrune, sourceFailed, backupFinish, runWarned],
  timeout: '7d',
  // One is read back, and put on record, while the next one is made ready and written.
  concurrency: { key: () => 'archive', limit: 2 },
  retry: { limit: 2 },

  async run({ data }, { config, host, run, events, emit, progress, clock }) {
    const { source, target } = configured(config, data.source)
    const to = config.archive && config.targets[config.archive.target]
    if (!to || !config.archive) throw new TerminalError('there is no `archive:` in the config any more')
    if (events.newest([mirrorSuspect, sourceSynced], source.name)?.type === mirrorSuspect.type) {
      throw new TerminalError(`the mirror of ${source.name} is suspect: no archive is made of it`)
    }
    const prove = async () => {
      await host.targets.prove(target, source)
      await host.targets.prove(to)
    }
    await prove()
    const { compression, level } = config.archive
    const plan = {
      from: target,
      source: source.name,
      to,
      // A night that ends after midnight is still one night.
      weekday: weekdayOf(run.startedAt),
      compression,
      level,
    }
    const told = events.recent(tellsOfArchives, source.name, eventsLookedAt)
    const added = await keepDue({ config, ...plan, startedAt: run.startedAt }, told, host.archives)
    const history = events.recent(provesUnchanged, source.name, 100)
    const earlier = earlierArchives(history, clock.now() - config.keep)
    const reused = await host.archives.reuse(plan, earlier, progress)
    const instead = reused.archive ? 'another one stands in for it' : 'a new one is written'
    for (const problem of reused.damaged) {
      emit(runWarned, { reason: `${problem}; so is what shares its blocks, ${instead}` })
    }
    for (const reason of reused.warnings ?? []) emit(runWarned, { reason })
    const unsound = [...(reused.unsound ?? [])]
    const stands = async (archive: NonNullable<typeof reused.archive>) =>
      emit(sourceArchived, { source: source.name, ...archive, disk: await host.archives.room(to) })
    if (reused.archive) await stands(reused.archive)
    else {
      const {
        archive,
        damaged,
        unsound: more = [],
        warnings = [],
      } = await host.archives.write(plan, progress, prove)
      unsound.push(...more.filter(({ file }) => unsound.every((one) => one.file !== file)))
      for (const problem of damaged.filter((one) => !reused.damaged.includes(one))) {
        emit(runWarned, { reason: `${problem}; so is what shares its blocks, nothing is taken from it` })
      }
      for (const reason of warnings) emit(runWarned, { reason })
      await stands(archive)
    }
    for (const { path, file } of unsound) {
      emit(archiveDamaged, {
        source: source.name,
        path,
        file,
        reason: 'it does not read back as it was written',
      })
    }
    if (keepRules(config)) emit(archivePrune, { source: source.name, added })
    else emit(backupFinish, {})
  },

  giveUp({ data, error }, { emit }) {
    failSources(archiveWeekly, [data.source], error, emit)
    emit(backupFinish, {})
  },
})
