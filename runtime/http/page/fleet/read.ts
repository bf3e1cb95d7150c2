import { givenCommands } from '../../../backup/fleet/commands/given.ts'
import { fleetOverview, type HostInFleet } from '../../../backup/fleet/overview.ts'
import { HubFolder } from '../../../host/fleet/hub-folder.ts'
import { Problem } from '../../problem.ts'
import type { PageContext } from '../context.ts'

/** How every host stands, the worst first. */
export function fleetOf(page: PageContext, now: number): HostInFleet[] {
  const { bus, fleet } = page.engine
  const rows = fleet.inbox.hosts()
  return fleetOverview(rows, folderOf(page).hosts(), now, givenCommands(bus, rows, now))
}

/** How one stands. @throws {Problem} There is none of that name. */
export function hostOf(page: PageContext, host: string, now: number): HostInFleet {
  const { bus, fleet } = page.engine
  const rows = [fleet.inbox.host(host) ?? []].flat()
  const enrolled = [folderOf(page).host(host) ?? []].flat()
  const [found] = fleetOverview(rows, enrolled, now, givenCommands(bus, rows, now, host))
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
