import { changeList, codeLastsMs, enrol, revoke } from '../../backup/fleet/enrol.ts'
import type { Config } from '../../config/config.ts'
import { type FleetHub, fleetHost } from '../../config/fleet.ts'
import { loadConfig } from '../../config/load.ts'
import { reasonOf, UsageError } from '../../errors.ts'
import { HubFolder } from '../../host/fleet/hub-folder.ts'
import { didYouMean } from '../../nearest.ts'
import { formatDuration } from '../../units.ts'
import { connectDaemon } from '../daemon/client.ts'
import type { Io } from '../io.ts'

export interface FleetOptions {
  config?: string
  json?: boolean
}

/** `hdsync fleet enroll`: puts a host on the list, and prints the code by which it joins, once. */
export async function fleetEnrollCommand(host: string, options: FleetOptions, io: Io): Promise<number> {
  const { fleet } = await hubIn(options, io)
  if (!fleetHost.safeParse(host).success)
    throw new UsageError(`${host} is no name of a host`, {
      hint: 'lower-case letters, digits and `-`, beginning with a letter, at most 63',
    })
  const folder = madeFolder(fleet)
  const code = changeList(folder, () => {
    const made = enrol(host, folder, { servers: fleet.servers, ca: folder.trusted, now: Date.now() })
    folder.writeUsers()
    return made
  })
  const isTold = folder.reloadBroker()
  if (options.json) {
    io.stdout(`${JSON.stringify({ host, code, isTold })}\n`)
    return 0
  }
  io.stdout(`${code}\n`)
  io.stderr(
    `on ${host}, as root, within ${formatDuration(codeLastsMs)}: hdsync fleet join -\n  and paste the code there: what stands in a command can be read by every user of the machine\nwhoever has the code can join as ${host}, once: send it as you would a password\n`,
  )
  if (!isTold)
    io.stderr(
      folder.hasBroker
        ? 'the NATS server does not run here, or is not the one that `hdsync fleet init` has set up: start it\n'
        : 'no NATS server is beside this hub: its daemon tells those that have one\n',
    )
  return 0
}

/** `hdsync fleet revoke`: takes all rights of a host, and ends what waits for it. What it has told stays. */
export async function fleetRevokeCommand(host: string, options: FleetOptions, io: Io): Promise<number> {
  const { config, fleet } = await hubIn(options, io)
  const folder = madeFolder(fleet)
  const isRevoked = changeList(folder, () => {
    const wasThere = revoke(host, folder, Date.now())
    if (wasThere) folder.writeUsers()
    return wasThere
  })
  if (!isRevoked) {
    const known = folder.hosts().map((one) => one.host)
    throw new UsageError(`there is no host ${host} on the list`, {
      hint: didYouMean(host, known) ?? 'hdsync fleet status lists them',
    })
  }
  const isTold = folder.reloadBroker()
  await endWaiting(host, config, io)
  if (options.json) io.stdout(`${JSON.stringify({ host, isTold })}\n`)
  else
    io.stdout(
      `${host} has no rights any more${isTold ? '' : ', once the NATS server is started or reloaded'}; what it has told stays\n`,
    )
  return 0
}

/** Ends what waits for a host. Without a daemon it is done when there is one again: that the rights are taken does not depend on it. */
async function endWaiting(host: string, config: Config, io: Io): Promise<void> {
  try {
    const daemon = await connectDaemon(config)
    await daemon?.post('/fleet/withdraw', { host })
  } catch (error) {
    io.stderr(`what waits for ${host} ends when the daemon of the hub is started anew: ${reasonOf(error)}\n`)
  }
}

/** @throws {UsageError} The config is not that of a hub. */
export async function hubIn(
  { config: path }: FleetOptions,
  { env }: Io,
): Promise<{ config: Config; fleet: FleetHub }> {
  const config = await loadConfig({ path, env })
  if (config.fleet?.role === 'hub') return { config, fleet: config.fleet }
  throw new UsageError(`${config.file} is not the config of a hub`, {
    hint: 'to make this machine one: `fleet: { role: hub, servers: [tls://THIS-MACHINE:4222] }`',
  })
}

/** @throws {UsageError} `hdsync fleet init` was not here. */
function madeFolder({ folder: path }: FleetHub): HubFolder {
  const folder = new HubFolder(path)
  if (folder.isMade) return folder
  throw new UsageError(`${path} holds no keys of a hub`, { hint: 'make them: hdsync fleet init' })
}
