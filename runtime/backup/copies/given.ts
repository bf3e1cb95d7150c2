import type { Config } from '../../config/config.ts'
import { TerminalError } from '../../errors.ts'
import { isoOf } from '../../instant.ts'
import { mostListed, type OfferedArchive } from '../../vault-protocol.ts'
import { readPastOf } from '../past.ts'
import { lookAtArchives, tellOfArchives } from '../status/known-archives.ts'
import { copyPlaces } from './places.ts'
import { newestOfNights } from './to-copy.ts'
import { formOf } from './vault-copies.ts'

/** An archive that a vault may fetch, and where it stands. */
export interface Given {
  archive: OfferedArchive
  path: string
  /** Which file stands there; see `archiveFile`. */
  file: string
}

/**
 * The archives that a vault may fetch, the newest first: of each night the newest that is known to be good. Their disk is mounted.
 * @param names Of sources; all that have archives, where there are none.
 * @throws {TerminalError} There is no such source.
 */
export async function archivesToGive(
  config: Config,
  names: readonly string[],
  now: number,
): Promise<Given[]> {
  const known = Object.values(config.sources).filter(({ archive }) => archive)
  const sources = known.map(({ name }) => name)
  const unknown = names.find((name) => !sources.includes(name))
  if (unknown !== undefined)
    throw new TerminalError(`there is no source ${unknown} with archives in ${config.file}`, {
      hint: 'the sources stand behind `hdsync give` in authorized_keys',
    })
  const read = readPastOf(config)
  const wanted = names.length > 0 ? names : sources
  const told = read(({ bus }) => wanted.map((name) => tellOfArchives(name, bus, now)))
  const looked = await lookAtArchives(told, config, read)
  return looked
    .flatMap(({ name: source, points }) =>
      newestOfNights(points).map(({ path, file, at: ms, sizeBytes, sha256 }) => {
        const archive = { source, at: isoOf(ms), form: formOf(path, source), sizeBytes, sha256 }
        return { archive, path, file }
      }),
    )
    .toSorted((one, other) => Date.parse(other.archive.at) - Date.parse(one.archive.at))
    .slice(0, mostListed)
}

/**
 * A vault that fetches gets archives as they are. Where copies are encrypted, that has to be meant.
 * @throws {TerminalError} It is not.
 */
export function proveMayBeRead(config: Config, allowUnencrypted: boolean): void {
  const encrypted = copyPlaces(config).find(
    (place) => place.kind === 'vault' && place.vault.encryptTo !== undefined,
  )
  if (!encrypted || allowUnencrypted) return
  throw new TerminalError(
    `copy ${encrypted.name} of ${config.file} is encrypted, and a vault that fetches gets archives unencrypted`,
    { hint: 'if that is meant: --allow-unencrypted behind `hdsync give`, in authorized_keys' },
  )
}
