import { writeSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { backupStart } from '../../events/index.ts'
import { openEngine } from '../../runtime/backup/open-engine.ts'
import { loadConfig } from '../../runtime/config/load.ts'
import { createHost } from '../../runtime/host/host.ts'
import { Box } from '../unit/functions/box.ts'

// The process that is killed: `node gate-child.ts FOLDER hold` begins a run whose snapshot is never taken;
// with `finish` it sets right what was left, and ends.

const [folder = '', task] = process.argv.slice(2)
const print = (line: string) => writeSync(1, `${line}\n`)
const box = new Box()
if (task === 'hold') {
  box.snapshots.create = async () => {
    print('taking')
    await sleep(60_000)
  }
}

const engine = await openEngine({
  config: await loadConfig({ path: join(folder, 'hdsync.yaml'), env: {} }),
  host: (options) => ({ ...box, session: createHost(options).session }),
})
if (!engine) throw new Error('another hdsync is at work')
await engine.start()
if (task === 'hold') {
  await engine.ended(await engine.trigger(backupStart, {}))
} else {
  await engine.dispatcher.idle()
  for (const { type, data } of engine.bus.events({ types: ['snapshot.after', 'run.failed'] })) {
    print(`${type} ${(data as { reason?: string }).reason ?? ''}`)
  }
}
await engine.stop()
