import { labAvailable } from '../../lab/available.ts'
import type { Figure } from '../main.ts'
import { inFolder } from '../measure.ts'
import { compareNights } from './compare.ts'
import { say, skipped } from './figures.ts'
import { LabServer } from './lab-server.ts'

/** Nights of two live volumes of the lab machine, reiserfs and ext3, hdsync and the classic script turn by turn. */
export async function nightLab(): Promise<Figure[]> {
  return inFolder(async (folder) => {
    const bench = 'nightLab'
    const lab = labAvailable()
    if (!lab.ok) return [skipped(bench, 'a night of the lab', lab.why)]
    say(`${bench}: booting`)
    const server = await LabServer.start(folder)
    try {
      return await compareNights({
        bench,
        ours: server.ours,
        script: server.script,
        change: (round) => server.change(round),
        goals: { unchanged: 0.25, '5 % changed': 0.35 },
      })
    } finally {
      await server.off()
    }
  })
}
