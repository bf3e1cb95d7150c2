import {
  archiveDamaged,
  mirrorDoubtful,
  mirrorHealed,
  mirrorProven,
  mirrorSuspect,
  runWarned,
  sourceSynced,
  syncRun,
  verifyFinish,
  verifyMirror,
  verifyNext,
} from '../../events/index.ts'
import { configured } from '../../runtime/backup/configured.ts'
import { defineFunction, type Source } from '../../runtime/backup/function.ts'
import { copiedAt, entriesLeft, listed } from '../../runtime/backup/proof/facts.ts'
import { archivesOf, hasArchives } from '../../runtime/backup/proof/gather.ts'
import { minus } from '../../runtime/backup/proof/items.ts'
import { markDamaged } from '../../runtime/backup/proof/mark-damaged.ts'
import { proveLoneMirror } from '../../runtime/backup/proof/mirror/prove-lone-mirror.ts'
import { proveMirror } from '../../runtime/backup/proof/mirror/prove-mirror.ts'
import { endedBy } from '../../runtime/errors.ts'

/**
 * Compares a mirror with its newest archive, and replaces what has rotted where the source tells which is right; where there is no
 * archive, with the source. Interrupted, it is given up, and goes on there the next time.
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
    const skip = (why: string) => {
      emit(runWarned, { reason: `the mirror of ${name} is not compared: ${why}` })
      emit(verifyNext, { ...step, skipped: [...step.skipped, name] })
    }
    if (events.newest([mirrorSuspect, sourceSynced], name)?.type === mirrorSuspect.type)
      return skip('it is suspect until the next good run')
    await host.targets.prove(from)
    if (to) await host.targets.prove(to)
    const { id, state } = host.mirrors.identify(from, source)
    const copied = copiedAt(events.recent([sourceSynced], name, 20), id)
    if (state === undefined) {
      if (events.newest([sourceSynced], name)) return skip('it is gone')
      return emit(verifyNext, { ...step, skipped: [...step.skipped, name] })
    }
    const entries = entriesLeft(events.newest([syncRun, sourceSynced], name), id)
    const tools = {
      ...{ runner: host.commands, signal, now: () => clock.now(), onProgress: progress },
      // What was done stands on record, should the power fail before it is told.
      tell: (message: string) => log.warn(message),
    }
    const hasArchive = to && (await hasArchives(to, name))
    const found = hasArchive
      ? await proveMirror({ source, from, to, copied }, step, tools)
      : await proveLoneMirror({ source, from, copied, entries }, step, tools)
    if (found.outcome === 'nothing')
      return skip(`no catalogue tells what has to be there; hdsync catalogue rebuild ${name} makes one`)
    const { files, bytes, healed, doubtful, archive, unproven = 0, lost = 0, wrongInArchive = [] } = found
    const complete = found.outcome === 'complete'
    emit(mirrorProven, { source: name, files, bytes, complete, ...(unproven > 0 && { unproven }) })
    if (lost > 0) emit(runWarned, { reason: lostText(name, lost) })
    if (healed.length > 0) emit(mirrorHealed, { source: name, ...listed(healed) })
    const other = archive ? { archive: archive.path } : { live: placeOf(source) }
    for (const reason of new Set(doubtful.map((one) => one.reason))) {
      const paths = doubtful.flatMap((one) => (one.reason === reason ? [one.path] : []))
      emit(mirrorDoubtful, { source: name, mirror: found.mirror, ...other, reason, ...listed(paths) })
    }
    if (to && archive && wrongInArchive.length > 0) {
      const { count, paths } = listed(wrongInArchive)
      const reason = `it holds other bytes than mirror and source, which agree, of ${count}: ${paths.slice(0, 10).join(', ')}`
      markDamaged(to, name, archive.file, reason, clock.now())
      emit(archiveDamaged, { source: name, ...archive, reason })
    }
    // A turn that was begun earlier is over: the next one is not for this run.
    const skipped = complete ? [...step.skipped, name] : step.skipped
    emit(verifyNext, minus({ ...step, skipped }, found.read))
  },

  giveUp({ data, error }, { emit }) {
    emit(verifyFinish, { ...endedBy(error), bytes: data.read })
  },
})

function lostText(source: string, lost: number): string {
  return `the mirror of ${source} has lost entries since the last copy, which the next one brings back: ${lost}`
}

function placeOf(source: Source): string {
  return source.kind === 'lv' ? `${source.vg}/${source.lv}` : source.path
}
