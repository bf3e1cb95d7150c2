import type { Config } from '../../config/config.ts'
import { TerminalError } from '../../errors.ts'
import { extensions } from '../../host/archive/archive-compression.ts'
import type { FetchedCopy } from '../../host/copies/vault/fetched.ts'
import type { VaultLink } from '../../host/copies/vault/vault-link.ts'
import { compressionOf } from '../../host/points/find-points.ts'
import type { RestorePoint } from '../../host/points/restore-point.ts'
import type { Progress } from '../../progress.ts'
import { copyPoints } from './copy-points.ts'
import { copyPlaces, type VaultPlace } from './places.ts'
import { copiesInVault } from './vault-copies.ts'

/** The vault that a restore point lies in; undefined where it lies on a disk, or the config has it no more. */
export function vaultOf(
  point: Pick<RestorePoint, 'copy'>,
  config: Config | undefined,
): VaultPlace | undefined {
  if (point.copy === undefined || !config) return undefined
  const place = copyPlaces(config).find(({ name }) => name === point.copy)
  return place?.kind === 'vault' ? place : undefined
}

/** What is to be fetched for a restore point of a vault. @throws {TerminalError} It is of no form that can be read. */
export function fetchedOf(point: RestorePoint, sha256: string): FetchedCopy {
  const compression = compressionOf(point)
  if (!compression) throw new TerminalError(`${point.path} is no archive that can be read`)
  return { sha256, extension: extensions[compression].slice(1) }
}

/**
 * A restore point of a vault by its id, fetched to be read here.
 * @returns undefined where the id is of no vault.
 * @throws {TerminalError} It is not there any more, or cannot be fetched.
 */
export async function vaultPointToRead(
  id: string,
  source: string,
  config: Config,
  linkTo: (place: VaultPlace) => VaultLink,
  onProgress: (progress: Progress) => void,
): Promise<RestorePoint | undefined> {
  const place = copyPlaces(config).find(
    (one): one is VaultPlace => one.kind === 'vault' && isIn(one, id, source),
  )
  if (!place) return undefined
  const link = linkTo(place)
  const { copies } = await link.status()
  const found = copyPoints(place, source, copiesInVault(place.vault, copies, source)).find(
    ({ point }) => point.id === id,
  )
  if (!found) throw new TerminalError(`the restore point ${id} is not in the vault any more`)
  const { point, file } = found
  const fetching = { ...fetchedOf(point, file), sizeBytes: point.sizeBytes ?? 0, state: config.state }
  return { ...point, path: await link.fetch(fetching, onProgress) }
}

/** Whether an id is of a place: `SOURCE@PLACE-2026-11-27`. The name of another place may begin as this one's does. */
function isIn({ name }: VaultPlace, id: string, source: string): boolean {
  const begin = `${source}@${name}-`
  return id.startsWith(begin) && /^\d{4}-\d{2}-\d{2}(?:\/|$)/.test(id.slice(begin.length))
}
