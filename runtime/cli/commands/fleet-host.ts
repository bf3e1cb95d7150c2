import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs'
import { dirname } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { readCode } from '../../backup/fleet/enrol.ts'
import { sendOnce } from '../../backup/fleet/send-once.ts'
import type { Config } from '../../config/config.ts'
import { usualFleetFolder } from '../../config/fleet.ts'
import { loadConfig } from '../../config/load.ts'
import { counted } from '../../count.ts'
import { UsageError } from '../../errors.ts'
import { credentialsText } from '../../host/fleet/credentials.ts'
import { handInKey } from '../../host/fleet/join.ts'
import { newNkey } from '../../host/fleet/nkey.ts'
import { writeSynced } from '../../host/write-synced.ts'
import { parseDuration } from '../../units.ts'
import { connectDaemon, type Daemon } from '../daemon/client.ts'
import { exitCodes } from '../exit-codes.ts'
import { waitingEvents } from '../fleet/waiting.ts'
import type { Io } from '../io.ts'
import type { FleetOptions } from './fleet.ts'

/**
 * `hdsync fleet join`: makes the key of this host, hands it in, and keeps it once the server lets it in. Its secret half never leaves this
 * machine.
 */
export async function fleetJoinCommand(text: string, options: FleetOptions, io: Io): Promise<number> {
  const config = await loadConfig({ path: options.config, env: io.env })
  const code = readCode(text === '-' ? await firstLine(process.stdin, io) : text)
  if (!code)
    throw new UsageError('that is no code of a fleet', {
      hint: 'the hub makes it: hdsync fleet enroll HOST; it is one line, without blanks',
    })
  if (config.fleet?.role === 'hub') throw new UsageError('this machine is the hub: the others join')
  const files = config.fleet ?? {
    credentialsFile: `${usualFleetFolder}/credentials`,
    caFile: `${usualFleetFolder}/ca.pem`,
  }
  const { seed } = newNkey()
  // The code is good once: what it is used for must not fail to be written afterwards.
  const written: Beside[] = []
  try {
    written.push(writeBeside(files.caFile, code.ca, 0o644))
    written.push(writeBeside(files.credentialsFile, credentialsText({ host: code.host, seed }), 0o600))
    await handInKey(code, seed, () => {
      for (const { beside, path } of written) renameSync(beside, path)
    })
  } finally {
    for (const { beside } of written) drop(beside)
  }
  if (options.json) {
    io.stdout(`${JSON.stringify({ host: code.host, servers: code.servers, ...pathsOf(files) })}\n`)
    return 0
  }
  io.stdout(`this host is in the fleet, as ${code.host}; its key is in ${files.credentialsFile}\n`)
  if (!config.fleet)
    io.stdout(
      `next: add to ${config.file}: \`fleet: { role: host, servers: [${code.servers.join(', ')}] }\`\n`,
    )
  return 0
}

/** A terminal is asked; it ends a line with Enter, so that nobody has to know of Ctrl-D. */
export async function firstLine(input: NodeJS.ReadStream, io: Pick<Io, 'stderr'>): Promise<string> {
  if (input.isTTY) io.stderr('the code of `hdsync fleet enroll`, on the hub: ')
  for await (const line of createInterface({ input })) if (line.trim() !== '') return line
  return ''
}

/**
 * `hdsync fleet send`: sends what the hub has not confirmed yet. The daemon does it where there is one: then it is waited for.
 * @returns 1 where something still waits when the time is over.
 */
export async function fleetSendCommand(options: FleetOptions & { within?: string }, io: Io): Promise<number> {
  const config = await loadConfig({ path: options.config, env: io.env })
  if (config.fleet?.role !== 'host')
    throw new UsageError(`${config.file} is not the config of a host in a fleet`, {
      hint: 'on the hub: hdsync fleet enroll HOST; then here: hdsync fleet join -',
    })
  const withinMs = parseDuration(options.within ?? '30s')
  if (!withinMs)
    throw new UsageError(`--within ${options.within} is not a duration`, { hint: 'write --within 30s' })
  const daemon = await connectDaemon(config)
  const note = (message: string) => io.stderr(`hdsync: ${message}\n`)
  if (daemon || !(await sendOnce({ ...config, fleet: config.fleet }, { withinMs, note })))
    await waited(config, withinMs, daemon)
  const { count, since } = waitingEvents(config)
  if (options.json) io.stdout(`${JSON.stringify({ sent: count === 0, waiting: count, since })}\n`)
  else if (count === 0) io.stdout('the hub has everything\n')
  else io.stdout(`${counted(count, 'event')} still wait for the hub, the oldest since ${since}\n`)
  return count === 0 ? exitCodes.succeeded : exitCodes.failed
}

/** Whoever is at work sends: the daemon, which may be between two attempts, or a process at its end. It is given so much time. */
async function waited(config: Config, withinMs: number, daemon: Daemon | undefined): Promise<void> {
  let askAt = 0
  for (const until = Date.now() + withinMs; Date.now() < until; await sleep(pollMs)) {
    if (waitingEvents(config).count === 0) return
    if (!daemon || Date.now() < askAt) continue
    askAt = Date.now() + askEveryMs
    // One of an earlier version does not know this: it goes on by its own pauses.
    await daemon.post('/fleet/send').catch(() => {})
  }
}

const pollMs = 200
const askEveryMs = 2000

function pathsOf({ credentialsFile, caFile }: { credentialsFile: string; caFile: string }) {
  return { credentialsFile, caFile }
}

/** Never throws: where it cannot be removed, it could not be written. */
function drop(path: string): void {
  try {
    rmSync(path, { force: true })
  } catch {}
}

/** A file that is to take the place of another one. */
interface Beside {
  beside: string
  path: string
}

/** @throws {UsageError} It cannot be written. */
function writeBeside(path: string, text: string, mode: number): Beside {
  const beside = `${path}.${process.pid}`
  try {
    if (!existsSync(dirname(path))) mkdirSync(dirname(path), { recursive: true, mode: 0o711 })
    rmSync(beside, { force: true })
    writeSynced(beside, 'wx', mode, Buffer.from(text))
    return { beside, path }
  } catch (cause) {
    drop(beside)
    throw new UsageError(`cannot write ${path}: ${(cause as Error).message}`, {
      hint: 'nothing was handed in: the code is still good',
      cause,
    })
  }
}
