import type { copySend, DataOf } from '../../../events/index.ts'
import type { Config } from '../../config/config.ts'
import { TerminalError } from '../../errors.ts'
import { chunkSecret, makeSealedFolder } from '../../host/copies/sealed/chunk-secret.ts'
import { sealedSuffix } from '../../host/copies/sealed/layout.ts'
import { recipientsIn } from '../../host/copies/sealed/recipients.ts'
import { type SealedThere, tidySealed } from '../../host/copies/sealed/sealed-files.ts'
import { recordSealed, type SealedEntry, sealedFor } from '../../host/copies/sealed/sealed-record.ts'
import type { Progress } from '../../progress.ts'
import type { ArchiveForm, VaultCopy } from '../../vault-protocol.ts'
import { archivesTarget } from '../configured.ts'
import type { Context } from '../function.ts'
import { copyPlaces, type VaultPlace } from './places.ts'
import type { CopyThere } from './to-copy.ts'

type Archive = Pick<DataOf<typeof copySend>, 'source' | 'at' | 'path' | 'file' | 'sizeBytes' | 'sha256'>

/** What a vault knows an archive by. */
type Known = Pick<SealedEntry, 'sizeBytes' | 'sha256'>

/** How archives are encrypted for a vault. What cannot be done is thrown. */
export interface Sealing {
  /** What was sealed of an archive for the same recipients, and is in the vault. */
  inVault(archive: Archive, ask: () => Promise<{ copies: readonly VaultCopy[] }>): Promise<Known | undefined>
  /** Encrypts an archive into a file to be sent; one that was cut off on its way is there already. */
  seal(archive: Archive, onProgress: (progress: Progress) => void): Promise<SealedThere>
  /** What was sealed last of an archive. */
  sealed(archive: Pick<Archive, 'sha256'>): Known
}

/** The form of an archive once it is encrypted. */
export function sealedForm(form: ArchiveForm): ArchiveForm {
  return `${form}${sealedSuffix}` as ArchiveForm
}

/** @param recipientsFile Those whom archives are encrypted to. */
export function sealingFor(
  { name, vault: { user } }: VaultPlace,
  recipientsFile: string,
  context: Context,
): Sealing {
  const { config, host } = context
  const { state } = config

  return {
    async inVault({ sha256 }, ask) {
      const recipients = recipientsIn(recipientsFile)
      const known = sealedFor(state, name).filter((one) => one.of === sha256 && one.recipients === recipients)
      if (known.length === 0) return undefined
      const { copies } = await ask()
      const good = new Set(copies.filter(({ damaged }) => !damaged).map((copy) => copy.sha256))
      const found = known.find((one) => good.has(one.sha256))
      if (found) note(found)
      return found
    },
    async seal({ source, at, path, file, sizeBytes, sha256 }, onProgress) {
      const from = archivesTarget(config)
      await host.targets.prove(from)
      const recipients = recipientsIn(recipientsFile)
      // One at a time: each takes as much as its archive.
      tidySealed(
        from,
        (one) => one.place !== name || (one.archive === sha256 && one.recipients === recipients),
      )
      const archive = { source, at, user, path, file, sizeBytes, sha256 }
      const secret = await chunkSecret(makeSealedFolder(state))
      const sealing = { ...archive, from, place: name, recipientsFile, recipients, secret }
      const there = await host.copies.seal(sealing, onProgress)
      note({ sha256: there.sha256, sizeBytes: there.sizeBytes, of: sha256, recipients })
      return there
    },
    sealed({ sha256 }) {
      const found = sealedFor(state, name).findLast((one) => one.of === sha256)
      if (!found)
        throw new TerminalError('nothing is on record of what was encrypted: the next copy sends it again')
      return found
    },
  }

  /** The newest is what was sealed last. */
  function note(entry: SealedEntry): void {
    const others = sealedFor(state, name).filter((one) => one.sha256 !== entry.sha256)
    recordSealed(state, name, [...others, entry])
  }
}

/** Which archives are in copies of a vault that are encrypted, as far as that is on record here. */
export function unsealedCopies(copies: readonly CopyThere[], sealed: readonly SealedEntry[]): CopyThere[] {
  const archives = new Map(sealed.map((one) => [one.sha256, one.of]))
  return copies.map((copy) => {
    if (!copy.path.endsWith(sealedSuffix)) return copy
    const archive = archives.get(copy.file)
    return archive === undefined ? { ...copy, isUnknownArchive: true } : { ...copy, sha256: archive }
  })
}

/**
 * Removes what was encrypted for a vault and will not be sent, and forgets what it has no more.
 * @param missing What it is still to get.
 */
export function tidySealing(
  { name }: VaultPlace,
  missing: readonly Pick<Archive, 'sha256'>[],
  copies: readonly VaultCopy[],
  { config }: Pick<Context, 'config'>,
): void {
  const wanted = new Set(missing.map(({ sha256 }) => sha256))
  const encrypted = encryptedPlaces(config)
  tidySealed(
    archivesTarget(config),
    ({ place, archive }) => encrypted.has(place) && (place !== name || wanted.has(archive)),
  )
  const known = sealedFor(config.state, name)
  if (known.length === 0) return
  const there = new Set(copies.map(({ sha256 }) => sha256))
  const kept = known.filter((one) => there.has(one.sha256) || wanted.has(one.of))
  if (kept.length < known.length) recordSealed(config.state, name, kept)
}

/** Removes what was encrypted, where no place is encrypted to any more. */
export function tidyUnencrypted({ config }: Pick<Context, 'config'>): void {
  if (encryptedPlaces(config).size === 0) tidySealed(archivesTarget(config), () => false)
}

function encryptedPlaces(config: Config): Set<string> {
  const encrypted = copyPlaces(config).filter(
    (one) => one.kind === 'vault' && one.vault.encryptTo !== undefined,
  )
  return new Set(encrypted.map((one) => one.name))
}
