import {
  archiveWeekly,
  mirrorFlush,
  mirrorSuspect,
  sourceFailed,
  sourceNext,
  sourceSynced,
  sourceWarned,
  syncRun,
  syncUnusual,
} from '../../events/index.ts'
import { configured } from '../../runtime/backup/configured.ts'
import { failSources } from '../../runtime/backup/failed-step.ts'
import { defineFunction } from '../../runtime/backup/function.ts'
import { forgetHold } from '../../runtime/backup/holds/source-hold.ts'
import { spoilsUnflushed } from '../../runtime/backup/mirror/may-be-lost.ts'
import { tellsOfUnusual, unusualCopy, unusualWarnings } from '../../runtime/backup/mirror/unusual.ts'
import { SuspectMirrorError } from '../../runtime/errors.ts'

/**
 * Flushes a copy to the disk; only then is the mirror good. Then its archive is written, and the next source of the target
 * begins. Interrupted, it is given up: the source has failed, and its mirror is suspect, if the
 * machine went down.
 */
export default defineFunction({
  on: mirrorFlush,
  emits: [sourceSynced, syncUnusual, sourceWarned, sourceFailed, sourceNext, mirrorSuspect, archiveWeekly],
  timeout: '2h',
  concurrency: { key: ({ source }) => source },

  async run({ data, attempt }, context) {
    const { config, events, host, emit } = context
    const { source, target } = configured(config, data.source)
    const { warnings, ...copied } = data.copied
    await host.targets.prove(target, source)
    const mirror = await host.mirrors.open(target, source)
    if (mirror.id !== copied.mirror) {
      throw new SuspectMirrorError(`${mirror.path} is not the mirror any more that was copied to`, {
        hint: 'was its disk taken out? run it again',
      })
    }
    await host.mirrors.flush(mirror.path)
    const unusual = unusualCopy(source.name, copied, events.recent(tellsOfUnusual, source.name, 100))
    emit(sourceSynced, { source: source.name, ...copied, boot: host.boots.current })
    if (unusual) emit(syncUnusual, unusual)
    for (const reason of [...warnings, ...unusualWarnings(unusual)]) {
      emit(sourceWarned, { source: source.name, step: syncRun.type, reason }, { attempt })
    }
    forgetHold(source, context)
    if (source.archive) emit(archiveWeekly, { source: source.name })
    emit(sourceNext, { rest: data.rest })
  },

  giveUp({ data, error }, { emit }) {
    failSources(mirrorFlush, [data.source], error, emit)
    if (spoilsUnflushed(error)) emit(mirrorSuspect, { source: data.source, reason: error.message })
    emit(sourceNext, { rest: data.rest })
  },
})
