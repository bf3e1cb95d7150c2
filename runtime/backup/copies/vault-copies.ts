import { basename } from 'node:path'
import { keptFolder } from '../../host/archive/shelf.ts'
import { type Reach, vaultText } from '../../host/copies/vault/ssh.ts'
import type { ArchiveForm, OfferedArchive, VaultCopy, VaultStatus } from '../../vault-protocol.ts'
import { dateOf } from '../../weekday.ts'
import type { CopyThere } from './to-copy.ts'

type Address = Pick<Reach, 'user' | 'host' | 'port'>

/** How a copy in a vault is named here: `backup@vault.example.org:var/2026-11-27/var.tar.zst`. No command takes it. */
export function vaultCopyPath(
  vault: Address,
  { source, at, form }: Pick<OfferedArchive, 'source' | 'at' | 'form'>,
): string {
  return `${vaultText(vault)}:${source}/${dateOf(Date.parse(at))}/${source}.${form}`
}

/** How an archive is written, as its name tells. */
export function formOf(path: string, source: string): ArchiveForm {
  return basename(path).slice(source.length + 1) as ArchiveForm
}

/** What a vault says that it has of a source. Copies of the same bytes count as one file. */
export function copiesInVault(vault: Address, copies: readonly VaultCopy[], source: string): CopyThere[] {
  return copies
    .filter((one) => one.source === source)
    .map((one) => {
      const at = Date.parse(one.at)
      return {
        ...{ path: vaultCopyPath(vault, one), folder: `${keptFolder}/${dateOf(at)}`, file: one.sha256 },
        ...{ at, writtenMs: at, sizeBytes: one.sizeBytes, diskBytes: one.sizeBytes, sha256: one.sha256 },
        state: one.damaged ? ('damaged' as const) : ('good' as const),
        readAt: Date.parse(one.readAt),
      }
    })
}

/** What each place has told last, in which run, and what it has proved since. */
const told = new Map<string, { run: string; status: VaultStatus }>()

/**
 * What a vault has told in a run: it is not asked again before each archive, as its list may be long. It is the vault that decides all the same,
 * by `offer` and `prove`. Another process asks anew.
 */
export function toldBy(place: string, run: string) {
  return {
    get status(): VaultStatus | undefined {
      const known = told.get(place)
      return known?.run === run ? known.status : undefined
    },
    note(status: VaultStatus): void {
      told.set(place, { run, status })
    },
    add(copy: VaultCopy): void {
      this.status?.copies.push(copy)
    },
    forget(): void {
      told.delete(place)
    },
  }
}

/** Whether a vault has the bytes of an archive: nothing is to be sent then. */
export function hasBytes(
  { copies }: Pick<VaultStatus, 'copies'>,
  { source, form, sizeBytes, sha256 }: OfferedArchive,
): boolean {
  return copies.some(
    (one) =>
      !one.damaged &&
      one.source === source &&
      one.form === form &&
      one.sizeBytes === sizeBytes &&
      one.sha256 === sha256,
  )
}
