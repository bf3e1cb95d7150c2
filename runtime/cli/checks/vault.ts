import { readFileSync, statSync } from 'node:fs'
import { type HostInVault, overviewOf } from '../../backup/vault/overview.ts'
import type { Config } from '../../config/config.ts'
import type { Pull, Vault } from '../../config/vault.ts'
import { type Mount, mountOf, readMounts } from '../../host/mount/mountinfo.ts'
import { realPath } from '../../host/mount/real-path.ts'
import { uidOfHost } from '../../host/vault/host-folder.ts'
import { checkHostKey, checkKey } from './copies.ts'
import { error, type Finding, ok, warning } from './finding.ts'

/** Whether the vault can take what hosts send, and keeps it from them. */
export function checkVaultHere({ vault }: Pick<Config, 'vault'>, mounts = readMounts()): Finding[] {
  if (!vault) return []
  const findings = [...checkMount(vault, mounts), ...checkLinks(), ...checkHosts(vault)]
  if (findings.length > 0) return findings
  return [ok('vault.ok', 'vault', `${vault.path} takes copies from ${Object.keys(vault.hosts).join(', ')}`)]
}

/** What hosts send is never run, and no device. */
function checkMount({ path }: Vault, mounts: readonly Mount[]): Finding[] {
  const mount = mountOf(mounts, realPath(path))
  if (!mount || !statSync(path, { throwIfNoEntry: false })) return []
  const lacking = ['nosuid', 'nodev', 'noexec'].filter((option) => !mount.options.includes(option))
  if (lacking.length === 0) return []
  const finding = `${path} lies on ${mount.at}, which is mounted without ${lacking.join(', ')}`
  const remedy = `a file system of its own for the vault, with nosuid,nodev,noexec in /etc/fstab${mount.at === '/' ? '' : `, or: mount -o remount,${lacking.join(',')} ${mount.at}`}`
  return [warning('vault.mount', 'vault', finding, remedy)]
}

/**
 * Without it the user of a host could give a file of somebody else a second name in `incoming`.
 * @see proc_sys_fs(5), protected_hardlinks
 */
export function checkLinks(file = '/proc/sys/fs/protected_hardlinks'): Finding[] {
  if (readFileSync(file, 'utf8').trim() !== '0') return []
  const finding = 'fs.protected_hardlinks is 0: users of hosts can give files of others a name in the vault'
  const remedy =
    'sysctl -w fs.protected_hardlinks=1, and fs.protected_hardlinks = 1 in a file in /etc/sysctl.d'
  return [warning('vault.hardlinks', 'vault', finding, remedy)]
}

function checkHosts(vault: Vault): Finding[] {
  const owner = statSync(vault.path, { throwIfNoEntry: false })?.uid
  return overviewOf(vault, Object.keys(vault.hosts)).flatMap(({ host, prepared, sources, pull: stands }) => {
    const about = `vault host ${host}`
    const ofPull = checkPull(host, vault.hosts[host]?.pull, stands, about)
    if (!prepared)
      return [
        error('vault.no-folder', about, 'the vault is not prepared for it', `hdsync vault add-host ${host}`),
        ...ofPull,
      ]
    const findings = sources.flatMap(({ source, odd }) =>
      odd
        ? [
            warning(
              'vault.odd',
              about,
              `${source} is odd since ${odd.at.slice(0, 10)}: ${odd.reasons.join('; ')}`,
              `look at ${host}; if it was meant: hdsync vault release ${host} ${source}`,
            ),
          ]
        : [],
    )
    const uid = uidOfHost(vault.path, host)
    if (uid === owner)
      findings.push(
        warning(
          'vault.same-owner',
          about,
          stands
            ? 'what comes of it is taken by an rsync of the user that owns the vault'
            : 'it sends as the user that owns the vault: `hdsync receive` alone keeps older copies from it',
          `as root: hdsync vault add-host ${host}, which makes a user for it`,
        ),
      )
    return [...findings, ...ofPull]
  })
}

/** Whether the vault can fetch from a host, as far as that can be told without asking it. */
function checkPull(
  host: string,
  pull: Pull | undefined,
  stands: HostInVault['pull'],
  about: string,
): Finding[] {
  if (!pull) return []
  const now = `hdsync vault pull ${host}`
  return [
    ...checkKey(pull.keyFile, about, { none: 'vault.no-key', open: 'vault.open-key' }),
    ...checkHostKey(pull, about, {
      ...{ none: 'vault.no-host-key', without: 'nothing is fetched from there' },
      trust: `hdsync vault trust ${host}`,
    }),
    ...(stands?.error && !stands.passes ? [warning('vault.pull-failed', about, stands.error, now)] : []),
    ...(stands?.overdue ? [warning('vault.pull-overdue', about, 'nothing has come for too long', now)] : []),
  ]
}
