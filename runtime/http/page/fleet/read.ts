import { givenCommands } from '../../../backup/fleet/commands/given.ts'
import { fleetOverview, type HostInFleet } from '../../../backup/fleet/overview.ts'
import { HubFolder } from '../../../host/fleet/hub-folder.ts'
import { Problem } from '../../problem.ts'
import type { PageContext } from '../context.ts'

/** How every host stands, the worst first. */
export function fleetOf(page: PageContext, now: number): HostInFleet[] {
  const { bus, fleet } = page.engine
  return fleetOverview(fleet.inbox.hosts(), folderOf(page).hosts(), now, givenCommands(bus, now))
}

/** How one stands. @throws {Problem} There is none of that name. */
export function hostOf(page: PageContext, host: string, now: number): HostInFleet {
  const { bus, fleet } = page.engine
  const row = fleet.inbox.host(host)
  const enrolled = folderOf(page).host(host)
  const [found] = fleetOverview(
    row ? [row] : [],
    enrolled ? [enrolled] : [],
    now,
    givenCommands(bus, now, host),
  )
  if (!found) throw new Problem('unknown-path', `There is no host ${JSON.stringify(host)} in the fleet.`)
  return found
}

/** When the certificate of the NATS server ends, in milliseconds since the epoch; undefined where there is none here. */
export function certificateEnd(page: PageContext): number | undefined {
  return folderOf(page).certificateEndsAt
}

function folderOf({ config: { fleet } }: PageContext): HubFolder {
  if (fleet?.role !== 'hub') throw new Problem('unknown-path', 'This machine is not the hub of a fleet.')
  return new HubFolder(fleet.folder)
}
