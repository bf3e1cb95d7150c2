import { archivePrune, backupFinish, runWarned, sourceKept } from '../../events/index.ts'
import { configured } from '../../runtime/backup/configured.ts'
import { defineFunction } from '../../runtime/backup/function.ts'
import { eventsLookedAt, keptNow, planPruning } from '../../runtime/backup/keep/keeping.ts'
import { tellsOfArchives } from '../../runtime/backup/keep/points.ts'
import { keepRules } from '../../runtime/backup/keep/tiers.ts'
import { reasonOf } from '../../runtime/errors.ts'

/**
 * Removes the archives of a source that nothing keeps any more, once tonight's stands. That
 * something cannot be removed spoils no backup. Interrupted, it is given up: the next night removes what is left.
 */
export default defineFunction({
  on: archivePrune,
  emits: [sourceKept, runWarned, backupFinish],
  timeout: '1h',
  // As for writing them: nothing is decided while another archive comes or goes.
  concurrency: { key: () => 'archive' },
  retry: { limit: 2 },

  async run({ data: { source, added } }, { config, host, events, emit }) {
    configured(config, source)
    const rules = keepRules(config)
    const to = config.archive && config.targets[config.archive.target]
    if (!rules || !to) return emit(backupFinish, {})
    await host.targets.prove(to)
    const told = events.recent(tellsOfArchives, source, eventsLookedAt)
    const plan = await planPruning({ source, to, rules, added }, told, host.archives)
    const { gone, problems } = await host.archives.remove(to, plan.go)
    for (const reason of problems) emit(runWarned, { reason })
    emit(sourceKept, {
      source,
      kept: keptNow(plan),
      added: added.map(({ path }) => path),
      pruned: gone,
      ...(plan.waits !== undefined && { waits: plan.waits }),
    })
    emit(backupFinish, {})
  },

  giveUp({ data: { source }, error }, { emit }) {
    emit(runWarned, { reason: `the archives of ${source} were not pruned: ${reasonOf(error)}` })
    emit(backupFinish, {})
  },
})
