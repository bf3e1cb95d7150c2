import type { Envelope } from '../../../events/index.ts'
import type { Config } from '../../config/config.ts'
import { TerminalError } from '../../errors.ts'
import { extensions } from '../../host/archive/archive-compression.ts'
import { sealedSuffix } from '../../host/copies/sealed/layout.ts'
import { proveOrigin } from '../../host/copies/sealed/origin.ts'
import type { Fetching } from '../../host/copies/vault/fetch-copy.ts'
import { vaultText } from '../../host/copies/vault/ssh.ts'
import type { VaultLink } from '../../host/copies/vault/vault-link.ts'
import { compressionOf } from '../../host/points/find-points.ts'
import type { RestorePoint } from '../../host/points/restore-point.ts'
import type { Progress } from '../../progress.ts'
import { shellQuote } from '../../shell-quote.ts'
import { copyPoints } from './copy-points.ts'
import { copyPlaces, type VaultPlace } from './places.ts'
import { onRecord, type ProvedCopy, provedIn } from './proved.ts'
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

/**
 * How a restore point of a vault is read: a command fetches it, and is given the identity that opens it, which is never stored.
 * @returns In words, with the command; undefined for what lies elsewhere.
 */
export function readByCommand(
  point: Pick<RestorePoint, 'id' | 'source' | 'copy' | 'path'>,
  config: Config,
): { message: string; hint: string } | undefined {
  const place = vaultOf(point, config)
  if (!place) return undefined
  const isSealed = point.path.endsWith(sealedSuffix)
  const why = isSealed
    ? 'encrypted; the identity of a recipient opens it, which is given to a command alone'
    : 'and a command fetches it from there'
  const identity = isSealed ? ' --identity FILE' : ''
  return {
    message: `${point.id} lies in the vault ${vaultText(place.vault)}, ${why}`,
    hint: `hdsync restore ${shellQuote([point.source])} --at ${shellQuote([point.id])} --to FOLDER${identity}`,
  }
}

/** A vault that restore points are fetched from. `state`: the folder that they are fetched to is in it. */
export interface FetchedFrom {
  place: VaultPlace
  state: string
  /** False where a command line has named it. */
  inConfig: boolean
}

/** What somebody has said of copies that are encrypted. */
export interface Opening {
  /** The file of an identity of a recipient. */
  identityFile?: string | undefined
  /** Copies that are not encrypted may be read all the same. */
  allowUnencrypted?: boolean | undefined
}

/** A restore point of a vault, and what is known of it. */
export interface ToFetch {
  point: RestorePoint
  /** The SHA-256 of the file in the vault. */
  file: string
  /** What the vault has proved to this host of the source; none where the record is lost, or on another machine. */
  proved: readonly ProvedCopy[]
  opening?: Opening
  /** Told of what is to be known about it. */
  tell?: (line: string) => void
}

/**
 * What is to be fetched for a restore point of a vault.
 * @throws {TerminalError} It is of no form that can be read, or the vault has proved another file for its night.
 */
export function fetchingOf(
  { point, file, proved, opening = {}, tell = () => {} }: ToFetch,
  { place, state }: Omit<FetchedFrom, 'inConfig'>,
): Fetching {
  const { kind, path, source, at, sizeBytes = 0 } = point
  const isSealed = path.endsWith(sealedSuffix)
  const compression = compressionOf({ kind, path: isSealed ? path.slice(0, -sealedSuffix.length) : path })
  if (!compression) throw new TerminalError(`${path} is no archive that can be read`)
  const night = Date.parse(at)
  const record = onRecord(file, night, proved)
  if (record === 'other') throw otherFile(point, place)
  const claimed = { source, at, user: place.vault.user }
  // What was compared with the one is not taken for the other.
  const extension = `${source}.${night}${extensions[compression]}`
  return {
    ...{ sha256: file, extension, sizeBytes, state },
    ...(isSealed && {
      sealed: {
        identityFile: opening.identityFile,
        prove: (origin) => {
          const line = record === 'same' ? undefined : proveOrigin(origin, claimed)
          if (line !== undefined) tell(line)
        },
      },
    }),
    ...(!isSealed &&
      record === 'unknown' &&
      isEncrypted(place, opening) && { refusal: unencrypted(point, place) }),
  }
}

/** Whether copies of a place are expected to be encrypted. */
function isEncrypted({ vault }: VaultPlace, { identityFile, allowUnencrypted }: Opening): boolean {
  return !allowUnencrypted && (vault.encryptTo !== undefined || identityFile !== undefined)
}

function otherFile({ source, at }: RestorePoint, { vault }: VaultPlace): TerminalError {
  return new TerminalError(
    `${vaultText(vault)} names another file for ${source} of ${at} than the one that it proved to this host`,
    { hint: 'look at the vault: hdsync vault check; another night can be read with --at' },
  )
}

function unencrypted({ source, at }: RestorePoint, { vault }: VaultPlace): TerminalError {
  return new TerminalError(
    `the copy of ${source} of ${at} in ${vaultText(vault)} is not encrypted, and this host has no record of it: the vault could have made it`,
    { hint: '--allow-unencrypted reads it all the same: a copy from before `encryptTo`' },
  )
}

interface FetchTools {
  linkTo(place: VaultPlace): VaultLink
  /** Reads the events `copy.proved` of the source. */
  proved(): readonly Envelope[]
  onProgress(progress: Progress): void
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
  { linkTo, proved, onProgress }: FetchTools,
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
  const fetching = fetchingOf(
    { point, file, proved: provedIn(proved(), place.name, source) },
    { place, state: config.state },
  )
  return { ...point, path: await link.fetch(fetching, onProgress) }
}

/** Whether an id is of a place: `SOURCE@PLACE-2026-11-27`. The name of another place may begin as this one's does. */
function isIn({ name }: VaultPlace, id: string, source: string): boolean {
  const begin = `${source}@${name}-`
  return id.startsWith(begin) && /^\d{4}-\d{2}-\d{2}(?:\/|$)/.test(id.slice(begin.length))
}
