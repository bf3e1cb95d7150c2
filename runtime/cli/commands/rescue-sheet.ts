import { recordOf } from '../../backup/rescue/covered.ts'
import { sheetOf } from '../../backup/rescue/sheet.ts'
import { loadConfig } from '../../config/load.ts'
import { UsageError } from '../../errors.ts'
import { createRunner, unobserved } from '../../host/command/command.ts'
import { lookAtMachine } from '../../host/machine/look.ts'
import { recordedMachines } from '../../host/machine/records.ts'
import { exitCodes } from '../exit-codes.ts'
import type { Io } from '../io.ts'

/**
 * `hdsync rescue sheet`: one page for the safe, of this machine as it is now or, with `--disk`, of those that are recorded
 * there.
 * @throws {UsageError} No machine is recorded there.
 */
export async function rescueSheetCommand(
  options: { disk?: string | string[]; config?: string; json?: boolean },
  io: Io,
): Promise<number> {
  const folders = [options.disk ?? []].flat()
  const records =
    folders.length > 0 ? folders.flatMap((folder) => [...recordedMachines(folder).values()]) : [await now()]
  if (records.length === 0) throw new UsageError(`no machine is recorded in ${folders.join(', ')}`)
  io.stdout(
    options.json
      ? records.map((record) => `${JSON.stringify(record)}\n`).join('')
      : records.map(sheetOf).join('\f'),
  )
  return exitCodes.succeeded

  async function now() {
    const config = await loadConfig({ path: options.config, env: io.env })
    const runner = createRunner({
      observer: unobserved,
      signal: new AbortController().signal,
      owner: 'rescue',
    })
    return recordOf(await lookAtMachine(runner), config, Date.now())
  }
}
