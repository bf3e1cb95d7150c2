import { archiveDamaged, archiveProven, verifyArchive, verifyFinish, verifyNext } from '../../events/index.ts'
import { defineFunction } from '../../runtime/backup/function.ts'
import { eventsLookedAt } from '../../runtime/backup/keep/keeping.ts'
import { tellsOfArchives } from '../../runtime/backup/keep/points.ts'
import { recordedAs } from '../../runtime/backup/proof/facts.ts'
import { archivesOf } from '../../runtime/backup/proof/gather.ts'
import { minus } from '../../runtime/backup/proof/items.ts'
import { proveArchive } from '../../runtime/backup/proof/prove-archive.ts'
import { endedBy, TerminalError } from '../../runtime/errors.ts'

/** Reads an archive and compares it with what was written. Interrupted, it is given up; large ones go on where they were. */
export default defineFunction({
  on: verifyArchive,
  emits: [archiveProven, archiveDamaged, verifyNext, verifyFinish],
  timeout: '7d',
  concurrency: { key: () => 'archive' },
  retry: { limit: 1 },

  async run({ data }, { config, host, events, signal, clock, progress, emit }) {
    const { source, path, file, ...step } = data
    const target = archivesOf(config, source)
    if (!target) throw new TerminalError(`${source} has no archives any more`)
    await host.targets.prove(target)
    const known = recordedAs(events.recent(tellsOfArchives, source, eventsLookedAt), data)
    const tools = { runner: host.commands, signal, now: () => clock.now(), onProgress: progress }
    const found = await proveArchive({ target, source, path, file, known }, step, tools)
    if (found.outcome === 'proven') {
      const { sizeBytes, sha256, isNew } = found
      emit(archiveProven, { source, path, file, sizeBytes, sha256, isNew })
    }
    if (found.outcome === 'damaged') emit(archiveDamaged, { source, path, file, reason: found.reason })
    emit(verifyNext, minus(step, found.bytes))
  },

  giveUp({ data, error }, { emit }) {
    emit(verifyFinish, { ...endedBy(error), bytes: data.read })
  },
})
