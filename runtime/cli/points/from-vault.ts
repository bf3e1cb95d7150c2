import { lstatSync, mkdirSync, rmdirSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { copyPoints } from '../../backup/copies/copy-points.ts'
import type { VaultPlace } from '../../backup/copies/places.ts'
import { copiesInVault } from '../../backup/copies/vault-copies.ts'
import type { FetchedFrom } from '../../backup/copies/vault-point.ts'
import type { KnownPoints } from '../../backup/restore/known-points.ts'
import { usualKnownHosts } from '../../config/copies.ts'
import { parseVaultAddress, plainPath } from '../../config/copy-vault.ts'
import { UsageError } from '../../errors.ts'
import { createRunner, unobserved } from '../../host/command/command.ts'
import { linkTo } from '../../host/copies/vault/vault-link.ts'
import type { Io } from '../io.ts'

/** A vault that is read without a config. */
export interface VaultOptions {
  /** As `ssh://hdsync-web1@vault.example.org:22`. */
  vault?: string
  keyFile?: string
  knownHosts?: string
}

const usualKey = '/etc/hdsync/vault.key'
/** What restore points of the vault are called after. */
const placeName = 'vault'

/**
 * Asks a vault for the restore points that it has of the host whose key is used.
 * @throws {UsageError} What is given is no vault. @throws {HdsyncError} It cannot be asked.
 */
export async function foundInVault(
  options: VaultOptions & { vault: string },
  io: Io,
): Promise<{ found: KnownPoints; from: FetchedFrom }> {
  const place = placeOf(options)
  const { signal } = new AbortController()
  const runner = createRunner({ observer: unobserved, signal, owner: 'read' })
  const { copies } = await linkTo(place.vault, undefined, runner, signal).status()
  const sources = [...new Set(copies.map(({ source }) => source))]
  const there = sources.flatMap((source) =>
    copyPoints(place, source, copiesInVault(place.vault, copies, source)),
  )
  const found = {
    points: there.map(({ point }) => point),
    absent: new Map(),
    files: new Map(there.map(({ point, file }) => [point.id, file] as const)),
    missing: [],
  }
  return { found, from: { place, state: ownFolder(io), inConfig: false } }
}

function placeOf({
  vault,
  keyFile = usualKey,
  knownHosts = usualKnownHosts,
}: VaultOptions & { vault: string }) {
  const { address = '', port } =
    /^(?:ssh:\/\/)?(?<address>[^@]+@(?:\[[^\]]+\]|[^:/]+))(?::(?<port>\d{1,5}))?\/?$/.exec(vault)?.groups ??
    {}
  const reached = parseVaultAddress(address)
  if (!reached)
    throw new UsageError(`${vault} is no vault`, {
      hint: '--vault ssh://hdsync-web1@vault.example.org, with :PORT where it is not 22',
    })
  const [key, hosts] = [plain(keyFile), plain(knownHosts)]
  const place: VaultPlace = {
    ...{ kind: 'vault', name: placeName, sources: [], rules: undefined, alertAfterMs: 0 },
    vault: { ...reached, port: Number(port ?? 22), keyFile: key, knownHosts: hosts, limit: [] },
  }
  return place
}

function plain(file: string): string {
  const parsed = plainPath.safeParse(resolve(file))
  if (parsed.success) return parsed.data
  throw new UsageError(`${file}: ssh takes a path of letters, digits and \`_ . - + @\` alone`)
}

/**
 * A folder of this user's for what is fetched: what was cut off goes on there.
 * @throws {UsageError} It is somebody else's.
 */
function ownFolder({ env }: Io): string {
  const uid = process.geteuid?.() ?? 0
  const folder = join(env.TMPDIR || '/var/tmp', `hdsync-${uid}`)
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const stats = lstatSync(folder)
  if (stats.isDirectory() && stats.uid === uid && (stats.mode & 0o077) === 0) return folder
  throw new UsageError(`${folder} is not for this user alone, and copies would be fetched to it`, {
    hint: 'look who made it; TMPDIR names another folder to make it in',
  })
}

/** Removes the folder if nothing is left in it to go on with. */
export function leaveFolder(folder: string): void {
  for (const empty of [join(folder, 'fetched'), folder])
    try {
      rmdirSync(empty)
    } catch {}
}
