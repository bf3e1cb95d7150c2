import { labAvailable } from '../../lab/available.ts'
import type { Figure } from '../main.ts'
import { inFolder } from '../measure.ts'
import { type Comparison, compareNights, fiveNights, type Night } from './compare.ts'
import { say, skipped } from './figures.ts'
import { LabServer } from './lab-server.ts'

/** Nights of two live volumes of the lab machine, reiserfs and ext3, hdsync and the classic script turn by turn. */
export function nightLab(): Promise<Figure[]> {
  return labNights('nightLab', { goals: { unchanged: 0.25, '5 % changed': 0.35 } })
}

/** The same on disks that take 8 ms for each request, as spinning ones do for a seek, with nothing in memory before. */
export function nightSpinning(): Promise<Figure[]> {
  return labNights('nightSpinning', { seekMs: 8, nights: fiveNights.slice(0, 4), goals: {} })
}

async function labNights(
  bench: string,
  { seekMs, ...rest }: { seekMs?: number; nights?: readonly Night[]; goals: Comparison['goals'] },
): Promise<Figure[]> {
  return inFolder(async (folder) => {
    const lab = labAvailable()
    if (!lab.ok) return [skipped(bench, 'a night of the lab', lab.why)]
    say(`${bench}: booting`)
    const server = await LabServer.start(folder, seekMs)
    try {
      return await compareNights({
        ...{ bench, ...rest },
        ours: server.ours,
        script: server.script,
        change: (round) => server.change(round),
      })
    } finally {
      await server.off()
    }
  })
}
