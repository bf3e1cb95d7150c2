import { backupFinish, type DataOf, machineRecord, runWarned } from '../../events/index.ts'
import { defineFunction } from '../../runtime/backup/function.ts'
import { recordOf } from '../../runtime/backup/rescue/covered.ts'
import { sheetOf } from '../../runtime/backup/rescue/sheet.ts'
import { reasonOf, TerminalError } from '../../runtime/errors.ts'

/**
 * Writes onto the targets how the machine is built, for a rescue. A target that cannot be written to is a warning: the others
 * are written, and the backup is not affected. Interrupted, it is given up: each file is whole, new or as it was the night before.
 */
export default defineFunction({
  on: machineRecord,
  emits: [runWarned, backupFinish],
  timeout: '10m',
  retry: { limit: 2 },

  async run({ data }, { config, host, clock, emit, signal }) {
    const record = recordOf(await host.machine.look(), config, clock.now())
    const sheet = sheetOf(record)
    for (const name of targetsOf(data)) {
      try {
        const target = config.targets[name]
        if (!target) throw new TerminalError(`target ${name} is not in the config any more`)
        await host.targets.prove(target)
        await host.machine.record(target, record, sheet)
      } catch (error) {
        signal.throwIfAborted()
        emit(runWarned, { reason: warning([name], error) })
      }
    }
    emit(backupFinish, {})
  },

  giveUp({ data, error }, { emit }) {
    emit(runWarned, { reason: warning(targetsOf(data), error) })
    emit(backupFinish, {})
  },
})

function targetsOf({ targets, target }: DataOf<typeof machineRecord>): string[] {
  return target === undefined ? targets : [target, ...targets]
}

function warning(targets: readonly string[], error: unknown): string {
  const where = `target${targets.length === 1 ? '' : 's'} ${targets.join(', ')}`
  return `how this machine is built could not be written onto ${where}: ${reasonOf(error)}`
}
