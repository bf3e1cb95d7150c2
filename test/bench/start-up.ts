import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import type { Figure } from './main.ts'
import { median, timed } from './measure.ts'

const launcher = join(import.meta.dirname, '../../deploy/bin/hdsync')

/** How long `hdsync --version` takes, in times of `node -e 0`, turn by turn. */
export async function startUp(): Promise<Figure[]> {
  const ratios: number[] = []
  for (let n = 0; n < 31; n += 1) {
    const version = await timed(async () => spawnSync(launcher, ['--version']))
    const bare = await timed(async () => spawnSync(process.execPath, ['-e', '0']))
    ratios.push(version / bare)
  }
  return [
    {
      bench: 'startUp',
      what: 'hdsync --version, in times of node -e 0',
      value: median(ratios),
      unit: 'x',
      goal: 2,
    },
  ]
}
