import type { FleetPause, PauseOf } from '../../backup/fleet/slots/pauses.ts'
import { UsageError } from '../../errors.ts'
import { didYouMean } from '../../nearest.ts'
import { asked } from '../daemon/client.ts'
import { exitCodes } from '../exit-codes.ts'
import { labelled } from '../fleet/choose.ts'
import { pauseText } from '../fleet/slots.ts'
import type { Io } from '../io.ts'
import type { FleetOptions } from './fleet.ts'
import { hubWithDaemon } from './fleet-run.ts'

export interface PauseOptions extends FleetOptions {
  label?: string
}

/** `hdsync fleet pause`: no slot is granted, and no command sent but such as end something, until `hdsync fleet resume`. */
export async function fleetPauseCommand(
  server: string | undefined,
  options: PauseOptions,
  io: Io,
): Promise<number> {
  const what = whatOf(server, options)
  const { config, fleet, daemon } = await hubWithDaemon(options, io)
  const servers = config.fleet?.role === 'hub' ? Object.keys(config.fleet.slots) : []
  if (what.of === 'server' && !servers.includes(what.name))
    throw new UsageError(`there is no ${what.name} in \`fleet.slots\` of ${config.file}`, {
      hint:
        didYouMean(what.name, servers) ?? (servers.length > 0 ? `it has ${servers.join(', ')}` : undefined),
    })
  if (what.of === 'label') labelled(fleet, what.name)
  const { paused } = await asked(daemon.post<{ paused: FleetPause[] }>('/fleet/pause', what))
  tell(paused, options, io)
  return exitCodes.succeeded
}

/** `hdsync fleet resume`: takes a pause back; without a name, all of them. */
export async function fleetResumeCommand(
  server: string | undefined,
  options: PauseOptions,
  io: Io,
): Promise<number> {
  const what = whatOf(server, options)
  const { daemon } = await hubWithDaemon(options, io)
  const answer = asked(daemon.post<{ wasPaused: boolean; paused: FleetPause[] }>('/fleet/resume', what))
  const { wasPaused, paused } = await answer
  if (!wasPaused && !options.json) io.stderr('hdsync: that was not paused\n')
  tell(paused, options, io)
  return exitCodes.succeeded
}

/** @throws {UsageError} Both are given. */
function whatOf(server: string | undefined, { label }: PauseOptions): PauseOf {
  if (server !== undefined && label !== undefined) throw new UsageError('a server, or --label, not both')
  if (label !== undefined) return { of: 'label', name: label }
  return server === undefined ? { of: 'all' } : { of: 'server', name: server }
}

function tell(paused: readonly FleetPause[], { json }: PauseOptions, io: Io): void {
  if (json) io.stdout(`${JSON.stringify({ paused })}\n`)
  else io.stdout(paused.map((one) => `${pauseText(one)}\n`).join('') || 'nothing is paused\n')
}
