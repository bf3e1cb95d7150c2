import { dirname } from 'node:path'
import { TerminalError } from '../../errors.ts'
import type { CommandRunner } from '../../host/command/command.ts'
import type { Names } from '../../host/owners/accounts.ts'
import { localIds, localNames } from '../../host/owners/local-ids.ts'
import { recordedAccounts } from '../../host/owners/recorded-accounts.ts'
import { placeOnDisk } from '../../host/points/find-points.ts'
import type { RestorePoint } from '../../host/points/restore-point.ts'
import { isTooLarge, type OwnerMap } from '../../host/restore/owner-map.ts'
import { type OwnerNames, ownerNames, type Stranger } from './plan/owner-names.ts'

/**
 * What the owners in a restore point become on this machine, by their names.
 * @throws {TerminalError} Its names are not recorded, too many have other numbers here, or this user may not give files to others.
 */
export async function ownersByName(point: RestorePoint, runner: CommandRunner): Promise<OwnerNames> {
  if (process.geteuid?.() !== 0) {
    throw new TerminalError('only root can give files to their owners: --owners names is for root', {
      hint: '--owners me makes all of it yours',
    })
  }
  const root = point.kind === 'mirror' ? dirname(point.path) : placeOnDisk(point).root
  const recorded = recordedAccounts(root, point)
  if (!recorded) {
    const why = point.kind === 'copy' ? 'copies are without them' : 'an earlier hdsync has made it'
    throw new TerminalError(`which names the owners in ${point.id} had is not recorded on its disk: ${why}`, {
      hint: '--owners keep brings back their numbers; restore points of later nights have the names',
    })
  }
  const all = (names: Names) => [...names.values()].flat()
  const { map, strangers } = ownerNames(recorded, {
    users: await localIds('passwd', all(recorded.users), runner),
    groups: await localIds('group', all(recorded.groups), runner),
  })
  proveMappable(map)
  const users = await withLocalNames('passwd', strangers.users, runner)
  return { map, strangers: { users, groups: await withLocalNames('group', strangers.groups, runner) } }
}

/** @throws {TerminalError} There are too many: else the restore would fail when all is unpacked. */
export function proveMappable(map: OwnerMap): void {
  if (!isTooLarge(map)) return
  const count = `${map.users.length} users and ${map.groups.length} groups`
  throw new TerminalError(
    `too many owners have other numbers on this machine to map them by name: ${count}`,
    {
      hint: '--owners keep brings back their numbers',
    },
  )
}

async function withLocalNames(
  database: 'passwd' | 'group',
  strangers: readonly Stranger[],
  runner: CommandRunner,
): Promise<Stranger[]> {
  const names = await localNames(
    database,
    strangers.map(({ id }) => id),
    runner,
  )
  return strangers.map((stranger) => {
    const here = names.get(stranger.id)
    return here === undefined ? stranger : { ...stranger, here }
  })
}
