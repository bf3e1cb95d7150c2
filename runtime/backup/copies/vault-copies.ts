import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import * as z from 'zod'
import { keptFolder } from '../../host/archive/shelf.ts'
import { type Reach, vaultText } from '../../host/copies/vault/ssh.ts'
import {
  type ArchiveForm,
  copyKey,
  type OfferedArchive,
  type VaultCopy,
  type VaultStatus,
  vaultCopy,
} from '../../vault-protocol.ts'
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
    /** @param gone The copies that had to go for it, as `copyKey` names them. */
    add(copy: VaultCopy, gone: readonly string[] = []): void {
      const { status } = this
      if (status) status.copies = [...status.copies.filter((one) => !gone.includes(copyKey(one))), copy]
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

// What a vault had at the end of a run: kept in the state directory, so that the next run need not be told all of it again. It decides
// nothing: the vault is asked whether that is still so, and tells all of it where the file is lost.

const list = z.lazy(() => z.array(vaultCopy))

/** @param place As the config has it. @returns undefined where nothing is known. */
export function readKnownList(state: string, place: string): VaultCopy[] | undefined {
  try {
    return list.parse(JSON.parse(readFileSync(fileOf(state, place), 'utf8')))
  } catch {
    return undefined
  }
}

/** Never throws: without it the next run is told everything. */
export function keepKnownList(state: string, place: string, copies: readonly VaultCopy[]): void {
  const file = fileOf(state, place)
  try {
    mkdirSync(join(state, folder), { recursive: true, mode: 0o700 })
    writeFileSync(`${file}.new`, JSON.stringify(copies), { mode: 0o600 })
    renameSync(`${file}.new`, file)
  } catch {}
}

const folder = 'vaults'

function fileOf(state: string, place: string): string {
  return join(state, folder, `${place}.json`)
}
