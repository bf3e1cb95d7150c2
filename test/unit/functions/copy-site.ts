import { execFileSync } from 'node:child_process'
import { mkdirSync, readdirSync, utimesSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { type CopyResult, copyStart, type Envelope } from '../../../events/index.ts'
import type { Engine } from '../../../runtime/backup/engine.ts'
import { openEngine } from '../../../runtime/backup/open-engine.ts'
import { main } from '../../../runtime/cli/program.ts'
import { loadConfig } from '../../../runtime/config/load.ts'
import type { Clock } from '../../../runtime/core/clock.ts'
import { dateOf, weekdays } from '../../../runtime/weekday.ts'
import { printed, type Server } from '../runtime/cli/night.ts'

/** A server whose archives are copied to another place, after a night. */
export class CopySite {
  readonly server: Server

  constructor(server: Server) {
    this.server = server
  }

  at(...names: string[]): string {
    return join(this.server.folder, ...names)
  }

  /** The archive of a source in the folder of its weekday. */
  archive(source = 'home'): string {
    const day = readdirSync(this.at('disk')).find((name) => (weekdays as readonly string[]).includes(name))
    return this.at('disk', day ?? '', `${source}.tar.zst`)
  }

  /** Makes an archive as if it were of a night so many days ago: kept, and to be proven by a verification. */
  older(days: number, contents: string): string {
    const night = dateOf(Date.now() - days * 86_400_000)
    const path = this.at('disk', 'kept', night, 'home.tar.zst')
    mkdirSync(dirname(path), { recursive: true })
    const folder = this.at('made', night)
    mkdirSync(join(folder, 'home'), { recursive: true })
    writeFileSync(join(folder, 'home', 'file'), contents)
    execFileSync('tar', ['--zstd', '-cf', path, '-C', folder, 'home'])
    const at = (Date.now() - days * 86_400_000) / 1000
    utimesSync(path, at, at)
    return night
  }

  async hdsync(...words: string[]) {
    const io = printed()
    const exitCode = await main(['node', 'hdsync', ...words, '--config', this.server.config], '0.0.0', io)
    return { exitCode, out: io.out, err: io.err }
  }

  async copy(
    ...names: string[]
  ): Promise<{ exitCode: number; state: string; copies: CopyResult[]; error: string | null }> {
    const { exitCode, out, err } = await this.hdsync('copy', ...names, '--json', '-q')
    if (!out) throw new Error(err)
    return { exitCode, ...JSON.parse(out) }
  }

  /** A run of copies in an engine of its own. @param during Called with each event as it is told. */
  async run(
    during: (event: Envelope, engine: Engine, run: string) => void = () => {},
    clock?: Clock,
  ): Promise<readonly Envelope[]> {
    const config = await loadConfig({ path: this.server.config, env: {} })
    const engine = await openEngine({ config, ...(clock && { clock }) })
    if (!engine) throw new Error('another hdsync is at work')
    try {
      await engine.start()
      const run = await engine.trigger(copyStart, {})
      engine.listen({ onEvent: (event) => during(event, engine, run) })
      await engine.ended(run)
      await engine.dispatcher.idle()
      return engine.bus.events({ runId: run })
    } finally {
      await engine.stop()
    }
  }
}

/** The SHA-256 of a file. */
export const digest = (path: string) => execFileSync('sha256sum', [path], { encoding: 'utf8' }).slice(0, 64)
