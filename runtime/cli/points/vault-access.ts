import { readProved } from '../../backup/copies/proved.ts'
import { type FetchedFrom, fetchingOf, type Opening, vaultOf } from '../../backup/copies/vault-point.ts'
import type { Config } from '../../config/config.ts'
import { type CommandRunner, createRunner, unobserved } from '../../host/command/command.ts'
import { vaultText } from '../../host/copies/vault/ssh.ts'
import { linkTo } from '../../host/copies/vault/vault-link.ts'
import type { RestorePoint } from '../../host/points/restore-point.ts'
import { formatBytes } from '../../units.ts'
import type { VaultCopy } from '../../vault-protocol.ts'
import type { Io } from '../io.ts'

/** What vaults have said that they have, by the names of the copies. */
export type ToldByVaults = ReadonlyMap<string, readonly VaultCopy[]>

/** Asks the vault that is named what it has; nothing where none is. @throws {RetryableError} It cannot be reached. */
export async function askedVaults(copy: string | undefined, config: Config): Promise<ToldByVaults> {
  const place = isOfVault(copy, config) ? vaultOf({ copy }, config) : undefined
  if (!place) return new Map()
  const { signal } = new AbortController()
  const runner = createRunner({ observer: unobserved, signal, owner: 'read' })
  const { copies } = await linkTo(place.vault, place.name, runner, signal).status()
  return new Map([[place.name, copies]])
}

/** Whether the place whose copies alone are wanted is a vault. */
export function isOfVault(copy: string | undefined, config: Config | undefined): copy is string {
  return copy !== undefined && vaultOf({ copy }, config) !== undefined
}

interface FetchTools {
  runner: CommandRunner
  signal: AbortSignal
  io: Io
  opening: Opening
}

/**
 * Fetches a restore point that lies in a vault, which is told.
 * @param files The SHA-256 of each copy, by the ids of restore points.
 * @returns It, as it can be read here; unchanged where it lies in none.
 */
export async function fetched(
  point: RestorePoint,
  files: ReadonlyMap<string, string>,
  from: FetchedFrom | undefined,
  { runner, signal, io, opening }: FetchTools,
): Promise<RestorePoint> {
  const file = files.get(point.id)
  if (!from || file === undefined) return point
  const { place } = from
  const { sizeBytes = 0, id } = point
  io.stderr(`hdsync: fetches ${id} from ${vaultText(place.vault)}: ${formatBytes(sizeBytes)}\n`)
  const tell = (line: string) => io.stderr(`hdsync: ${line}\n`)
  const proved = from.inConfig ? readProved(from.state, place.name, point.source) : []
  const fetching = fetchingOf({ point, file, proved, opening, tell }, from)
  const path = await linkTo(place.vault, from.inConfig ? place.name : undefined, runner, signal).fetch(
    fetching,
    () => {},
  )
  return { ...point, path }
}
