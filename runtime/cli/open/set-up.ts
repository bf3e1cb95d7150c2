import { chmodSync, chownSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs'
import { type Config, parseConfig } from '../../config/config.ts'
import { DEFAULT_CONFIG_FILE } from '../../config/config-file.ts'
import { UsageError } from '../../errors.ts'
import { createRunner, unobserved } from '../../host/command/command.ts'
import { listenBySystemd, listenFile, takeUp } from '../../host/systemd/listen.ts'
import { hasSystemd } from '../../host/systemd/timer.ts'
import { writeSynced } from '../../host/write-synced.ts'
import { connectDaemon } from '../daemon/client.ts'
import { daemonStatus } from '../daemon/local.ts'
import type { Io } from '../io.ts'

/**
 * Gives the page a port: a line in the config, and where systemd listens for hdsync, a line for its socket.
 * @throws {UsageError} The config has an `http` of its own, or the address is none. Nothing is changed then.
 */
export async function setUpPort(config: Config, address: string, io: Io): Promise<void> {
  const { file } = config
  const text = withPort(readFileSync(file, 'utf8'), config, address)
  // As hdsync itself would read it.
  parseConfig(text, file)
  replace(file, text)
  io.stderr(`hdsync: ${file} has \`http: { listen: ${address} }\` now\n`)
  // Another config is that of a daemon which is started by hand.
  if (!hasSystemd() || process.geteuid?.() !== 0 || file !== DEFAULT_CONFIG_FILE) return
  const runner = createRunner({ observer: unobserved, signal: AbortSignal.timeout(60_000), owner: 'open' })
  await listenBySystemd(address, runner)
  io.stderr(`hdsync: ${listenFile} has systemd listen there\n`)
  const daemon = await connectDaemon(config)
  const { run } = daemon ? daemonStatus.parse(await daemon.get('/status')) : { run: null }
  if (run !== null) {
    throw new UsageError(`run ${run} is going on: systemd listens at ${address} once it has ended`, {
      hint: `run then: ${takeUp.argv.join(' ')} && hdsync open`,
    })
  }
  await runner.run(takeUp)
}

/** A config with a port. Its text is left as it is, and a line is added. */
function withPort(text: string, { http, file }: Pick<Config, 'http' | 'file'>, address: string): string {
  if (http) {
    throw new UsageError(`${file} has an \`http\` already, and is left as it is`, {
      hint: `add \`listen: ${address}\` to it, then run hdsync open again`,
    })
  }
  return `${text.trimEnd()}\n\n# The page, for this machine alone: hdsync open\nhttp: { listen: "${address}" }\n`
}

/** Whole or not at all, for those who could read it before. */
function replace(file: string, text: string): void {
  const fresh = `${file}.new`
  const { mode, uid, gid } = statSync(file)
  rmSync(fresh, { force: true })
  writeSynced(fresh, 'wx', 0o600, Buffer.from(text))
  chownSync(fresh, uid, gid)
  chmodSync(fresh, mode & 0o7777)
  renameSync(fresh, file)
}
