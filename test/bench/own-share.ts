import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { backupStart } from '../../events/index.ts'
import { openEngine } from '../../runtime/backup/open-engine.ts'
import { parseConfig } from '../../runtime/config/config.ts'
import { writeMarker } from '../../runtime/host/target/marker.ts'
import type { Figure } from './main.ts'
import { inFolder, median, timed } from './measure.ts'

const sources = 8
const nights = 7

/**
 * What a night takes beyond its commands: wall time less the time in which at least one command ran. Plain
 * directories on one target, so that nothing of it hides behind another source's commands.
 */
export async function ownShare(): Promise<Figure[]> {
  return inFolder(async (folder) => {
    for (const name of ['target', 'archive', 'state']) mkdirSync(join(folder, name), { mode: 0o700 })
    await writeMarker(join(folder, 'target'), 't', 0)
    await writeMarker(join(folder, 'archive'), 'a', 0)
    const lines = Array.from({ length: sources }, (_, n) => {
      mkdirSync(join(folder, `s${n}`))
      writeFileSync(join(folder, `s${n}/file`), 'x'.repeat(1000))
      return `  s${n}: { path: ${folder}/s${n}, target: t }`
    })
    const config = parseConfig(
      `sources:\n${lines.join('\n')}\ntargets: { t: { path: ${folder}/target }, a: { path: ${folder}/archive } }\n` +
        `archive: { target: a }\nstate: ${folder}/state\nfunctions: ${folder}/none\n`,
      'bench',
    )
    const shares: number[] = []
    for (let night = 0; night < nights; night += 1) {
      let story: { startedAt: number; durationMs?: number }[] = []
      const wallMs = await timed(async () => {
        const engine = await openEngine({ config })
        if (!engine) throw new Error('the state directory is locked')
        await engine.start()
        const run = await engine.trigger(backupStart, {})
        await engine.ended(run)
        story = engine.journal
          .story(run)
          .events.flatMap(({ deliveries }) => deliveries.flatMap(({ commands }) => commands))
        await engine.stop()
      })
      shares.push(wallMs - covered(story))
    }
    const goal = 150 + 50 * sources
    const what = `own share of a night of ${sources} sources`
    return [{ bench: 'ownShare', what, value: median(shares), unit: 'ms', goal }]
  })
}

/** Milliseconds in which at least one command ran. */
function covered(commands: { startedAt: number; durationMs?: number }[]): number {
  let total = 0
  let end = 0
  for (const { startedAt, durationMs = 0 } of commands.toSorted((a, b) => a.startedAt - b.startedAt)) {
    total += Math.max(0, startedAt + durationMs - Math.max(end, startedAt))
    end = Math.max(end, startedAt + durationMs)
  }
  return total
}
