import type { Config } from '../../config/config.ts'
import { TerminalError } from '../../errors.ts'
import { extensions } from '../../host/archive/archive-compression.ts'
import { sealedSuffix } from '../../host/copies/sealed/layout.ts'
import { sealedFor } from '../../host/copies/sealed/sealed-record.ts'
import type { Fetching } from '../../host/copies/vault/fetch-copy.ts'
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

/** A vault that restore points are fetched from. `state`: the folder that they are fetched to is in it. */
export interface FetchedFrom {
  place: VaultPlace
  state: string
  /** False where a command line has named it. */
  inConfig: boolean
}

/**
 * What is to be fetched for a restore point of a vault.
 * @param sha256 Of the file in the vault.
 * @param identityFile That of a recipient, where it is encrypted and somebody has named one.
 * @throws {TerminalError} It is of no form that can be read.
 */
export function fetchingOf(
  { kind, path, sizeBytes = 0 }: RestorePoint,
  sha256: string,
  { place, state }: Omit<FetchedFrom, 'inConfig'>,
  identityFile?: string,
): Fetching {
  const isSealed = path.endsWith(sealedSuffix)
  const compression = compressionOf({ kind, path: isSealed ? path.slice(0, -sealedSuffix.length) : path })
  if (!compression) throw new TerminalError(`${path} is no archive that can be read`)
  const archive = sealedFor(state, place.name).find((one) => one.sha256 === sha256)?.of
  return {
    ...{ sha256, extension: extensions[compression].slice(1), sizeBytes, state },
    ...(isSealed && { sealed: { identityFile, archive } }),
  }
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
  // What is encrypted was opened by whoever has asked for it, and is taken from there: nobody else has the identity.
  const fetching = fetchingOf(point, file, { place, state: config.state })
  return { ...point, path: await link.fetch(fetching, onProgress) }
}

/** Whether an id is of a place: `SOURCE@PLACE-2026-11-27`. The name of another place may begin as this one's does. */
function isIn({ name }: VaultPlace, id: string, source: string): boolean {
  const begin = `${source}@${name}-`
  return id.startsWith(begin) && /^\d{4}-\d{2}-\d{2}(?:\/|$)/.test(id.slice(begin.length))
}
