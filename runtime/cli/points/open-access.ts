import { statSync } from 'node:fs'
import { basename, resolve } from 'node:path'
import { copiesMeant } from '../../backup/copies/places.ts'
import type { KnownPoints } from '../../backup/restore/known-points.ts'
import { UsageError } from '../../errors.ts'
import { pointsOn } from '../../host/points/find-points.ts'
import { withProofs } from '../../host/proof/proven-points.ts'
import type { Io } from '../io.ts'
import type { Access, WhereOptions } from './access.ts'
import { configOrSocket } from './config-or-socket.ts'
import { FoundAccess, find } from './found-access.ts'
import { MirrorWatch } from './mirror-watch.ts'
import { askedVaults } from './vault-access.ts'

/**
 * Finds the restore points: on the disks of the config, or in a folder that is named. Mounts nothing yet.
 * @throws {UsageError} The folder holds no backups.
 * @throws {ConfigError} The config cannot be used.
 */
export async function openAccess(options: WhereOptions, io: Io, now = Date.now()): Promise<Access> {
  const { vault, disk, copy, identity, allowUnencrypted } = options
  const opening = { identityFile: identity && resolve(identity), allowUnencrypted }
  if (vault !== undefined) {
    if (disk !== undefined || copy !== undefined)
      throw new UsageError(`it is either --vault or ${disk === undefined ? '--from' : '--disk'}`)
    const { foundInVault } = await import('./from-vault.ts')
    const { found, from } = await foundInVault({ ...options, vault }, io)
    return new FoundAccess(found, undefined, { io, now, from, opening })
  }
  if (options.disk !== undefined) return new FoundAccess(await fromDisk(options.disk), undefined, { io, now })
  const { config, users } = await configOrSocket(options, io)
  if (users !== undefined) return await (await import('./users-access.ts')).usersAccess(users, now)
  if (options.copy !== undefined) copiesMeant([options.copy], config)
  const watch = new MirrorWatch(config, options.wait ?? true, io)
  const told = await askedVaults(options.copy, config)
  return new FoundAccess(await find(config, told, io), config, { io, now, watch, copy, told, opening })
}

async function fromDisk(path: string): Promise<KnownPoints> {
  if (isMissing(path)) throw new UsageError(`there is no folder ${path}`)
  const points = pointsOn({ target: basename(path), path })
  if (points.length > 0)
    return { points: await withProofs(points), absent: new Map(), files: new Map(), missing: [] }
  throw new UsageError(`there are no backups of hdsync in ${path}`, {
    hint: 'name the folder that has .hdsync-target in it, or the folders Monday to Sunday',
  })
}

/** What may not be looked at is not missing: whoever opens it says so. */
function isMissing(path: string): boolean {
  try {
    return statSync(path, { throwIfNoEntry: false }) === undefined
  } catch {
    return false
  }
}
