import { backupFinish, machineRecord, runWarned } from '../../events/index.ts'
import { defineFunction } from '../../runtime/backup/function.ts'
import { recordOf } from '../../runtime/backup/rescue/covered.ts'
import { sheetOf } from '../../runtime/backup/rescue/sheet.ts'
import { reasonOf, TerminalError } from '../../runtime/errors.ts'

/**
 * Writes onto a target how the machine is built, so that a new one can be made from it. That it cannot be written spoils no
 * backup. Interrupted, it is given up: each file is there whole, or as it was the night before.
 */
export default defineFunction({
  on: machineRecord,
  emits: [runWarned, backupFinish],
  timeout: '10m',
  retry: { limit: 2 },

  async run({ data }, { config, host, clock, emit }) {
    const target = config.targets[data.target]
    if (!target) throw new TerminalError(`target ${data.target} is not in the config any more`)
    const record = recordOf(await host.machine.look(), config, clock.now())
    await host.targets.prove(target)
    await host.machine.record(target, record, sheetOf(record))
    emit(backupFinish, {})
  },

  giveUp({ data, error }, { emit }) {
    emit(runWarned, {
      reason: `how this machine is built could not be written onto target ${data.target}: ${reasonOf(error)}`,
    })
    emit(backupFinish, {})
  },
})
