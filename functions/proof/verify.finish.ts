import { verifyFailed, verifyFinish, verifyFinished } from '../../events/index.ts'
import { defineFunction } from '../../runtime/backup/function.ts'
import { resultOf } from '../../runtime/backup/proof/facts.ts'
import { knownDamage } from '../../runtime/backup/proof/gather.ts'
import { reasonOf } from '../../runtime/errors.ts'

/** Tells how a verification went, and unmounts what was mounted for it. Interrupted, it is done again. */
export default defineFunction({
  on: verifyFinish,
  emits: [verifyFinished, verifyFailed],
  always: true,
  timeout: '10m',
  retry: { limit: 3, minDelayMs: 1000, maxDelayMs: 10_000 },

  async run({ data }, { config, host, run, events, emit }) {
    const known = await knownDamage(config)
    await host.targets.close(run.id)
    if (data.error !== null && !data.cancelled) emit(verifyFailed, { reason: data.error })
    else emit(verifyFinished, resultOf(events.run(), data, known))
  },

  giveUp({ error }, { emit }) {
    emit(verifyFailed, { reason: reasonOf(error) })
  },
})
