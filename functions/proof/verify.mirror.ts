import {
  archiveDamaged,
  mirrorDoubtful,
  mirrorHealed,
  mirrorProven,
  mirrorSuspect,
  runWarned,
  sourceSynced,
  verifyFinish,
  verifyMirror,
  verifyNext,
} from '../../events/index.ts'
import { configured } from '../../runtime/backup/configured.ts'
import { defineFunction } from '../../runtime/backup/function.ts'
import { copiedAt, listed } from '../../runtime/backup/proof/facts.ts'
import { archivesOf } from '../../runtime/backup/proof/gather.ts'
import { minus } from '../../runtime/backup/proof/items.ts'
import { markDamaged } from '../../runtime/backup/proof/mark-damaged.ts'
import { proveMirror } from '../../runtime/backup/proof/prove-mirror.ts'
import { CancelledError, reasonOf, TerminalError } from '../../runtime/errors.ts'

/**
 * Compares a mirror with its newest archive, and replaces what has rotted where the source tells which is right.
 * Interrupted, it is given up, and goes on there the next time.
 */
export default defineFunction({
  on: verifyMirror,
  emits: [mirrorProven, mirrorHealed, mirrorDoubtful, archiveDamaged, runWarned, verifyNext, verifyFinish],
  timeout: '7d',
  retry: { limit: 1 },

  async run({ data }, { config, host, events, signal, clock, progress, log, emit }) {
    const { source: name, ...step } = data
    const { source, target: from } = configured(config, name)
    const to = archivesOf(config, name)
    if (!to) throw new TerminalError(`${name} has no archives any more`)
    const skip = (why: string) => {
      emit(runWarned, { reason: `the mirror of ${name} is not compared: ${why}` })
      emit(verifyNext, { ...step, skipped: [...step.skipped, name] })
    }
    if (events.newest([mirrorSuspect, sourceSynced], name)?.type === mirrorSuspect.type)
      return skip('it is suspect until the next good run')
    await host.targets.prove(from)
    await host.targets.prove(to)
    const { id } = host.mirrors.identify(from, source)
    const copied = copiedAt(events.recent([sourceSynced], name, 20), id)
    const tools = { runner: host.commands, signal, now: () => clock.now(), onProgress: progress }
    const found = await proveMirror({ source, from, to, copied }, step, {
      ...tools,
      // What was done stands on record, should the power fail before it is told.
      tell: (message) => log.warn(message),
    })
    if (found.outcome === 'nothing' || !found.archive)
      return skip(`no catalogue tells what has to be there; hdsync catalogue rebuild ${name} makes one`)
    const { files, bytes, healed, doubtful, wrongInArchive, archive } = found
    emit(mirrorProven, { source: name, files, bytes, complete: found.outcome === 'complete' })
    if (healed.length > 0) emit(mirrorHealed, { source: name, ...listed(healed) })
    for (const reason of new Set(doubtful.map((one) => one.reason))) {
      const paths = doubtful.flatMap((one) => (one.reason === reason ? [one.path] : []))
      const both = { mirror: found.mirror, archive: archive.path }
      emit(mirrorDoubtful, { source: name, ...both, reason, ...listed(paths) })
    }
    if (wrongInArchive.length > 0) {
      const { count, paths } = listed(wrongInArchive)
      const reason = `it holds other bytes than mirror and source, which agree, of ${count}: ${paths.slice(0, 10).join(', ')}`
      markDamaged(to, name, archive.file, reason, clock.now())
      emit(archiveDamaged, { source: name, ...archive, reason })
    }
    // A turn that was begun earlier is over: the next one is not for this run.
    const over = found.outcome === 'complete' ? [name] : []
    emit(verifyNext, minus({ ...step, skipped: [...step.skipped, ...over] }, bytes))
  },

  giveUp({ data, error }, { emit }) {
    const cancelled = error instanceof CancelledError
    emit(verifyFinish, { error: reasonOf(error), cancelled, bytes: data.read })
  },
})
