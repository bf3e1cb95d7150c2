import type { Accounts, Names } from '../../../host/owners/accounts.ts'
import type { Entry } from '../../../host/points/entry.ts'
import type { OwnerMap } from '../../../host/restore/owner-map.ts'

/** An owner whose name is not on this machine: the number stays. */
export interface Stranger {
  id: number
  name: string
  /** Whose the number is here, where it is somebody's. */
  here?: string
}

/** The owners of a restore point, as they are to be here. */
export interface OwnerNames {
  map: OwnerMap
  /** Of everything that is recorded, whether it owns anything or not. */
  strangers: { users: Stranger[]; groups: Stranger[] }
}

/** Numbers of this machine, by name. */
export interface LocalIds {
  users: ReadonlyMap<string, number>
  groups: ReadonlyMap<string, number>
}

/** Maps recorded owners by name. Root is root everywhere; numbers that were not recorded stay as they are. */
export function ownerNames(recorded: Accounts, local: LocalIds): OwnerNames {
  const users = mapped(recorded.users, local.users)
  const groups = mapped(recorded.groups, local.groups)
  return {
    map: { users: users.pairs, groups: groups.pairs },
    strangers: { users: users.strangers, groups: groups.strangers },
  }
}

/** Entries with the owners that they get here. */
export function withOwners(entries: readonly Entry[], { users, groups }: OwnerMap): Entry[] {
  const uids = new Map(users)
  const gids = new Map(groups)
  return entries.map((entry) => ({
    ...entry,
    uid: uids.get(entry.uid) ?? entry.uid,
    gid: gids.get(entry.gid) ?? entry.gid,
  }))
}

/** Those strangers that own some of the entries. @param entries As they stand in the restore point. */
export function strangersAmong(
  entries: readonly Entry[],
  { users, groups }: OwnerNames['strangers'],
): OwnerNames['strangers'] {
  const uids = new Set(entries.map(({ uid }) => uid))
  const gids = new Set(entries.map(({ gid }) => gid))
  return {
    users: users.filter(({ id }) => uids.has(id)),
    groups: groups.filter(({ id }) => gids.has(id)),
  }
}

function mapped(recorded: Names, local: ReadonlyMap<string, number>) {
  const pairs: OwnerMap['users'] = []
  const strangers: Stranger[] = []
  for (const [id, names] of recorded) {
    if (id === 0) continue
    const here = names.find((name) => local.has(name))
    const to = here === undefined ? undefined : local.get(here)
    if (to === undefined) strangers.push({ id, name: names[0] ?? String(id) })
    else if (to !== id) pairs.push([id, to])
  }
  return { pairs, strangers }
}
