import { lstatSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { overviewOf } from '../../backup/vault/overview.ts'
import type { Config } from '../../config/config.ts'
import type { Vault } from '../../config/vault.ts'
import { isInstalled } from '../../host/command/packages.ts'
import { mountOf, readMounts } from '../../host/mount/mountinfo.ts'
import { realPath } from '../../host/mount/real-path.ts'
import { error, type Finding, ok, warning } from './finding.ts'

/** Whether the vault can take what hosts send, and keeps it from them. */
export function checkVaultHere({ vault }: Pick<Config, 'vault'>): Finding[] {
  if (!vault) return []
  const findings = [...checkPrograms(), ...checkMount(vault), ...checkHosts(vault)]
  if (findings.length > 0) return findings
  return [ok('vault.ok', 'vault', `${vault.path} takes copies from ${Object.keys(vault.hosts).join(', ')}`)]
}

function checkPrograms(): Finding[] {
  return ['flock', 'prlimit', 'setpriv']
    .filter((program) => !isInstalled(program))
    .map((program) =>
      error('tool.missing', 'vault', `${program} is not installed`, 'apt-get install util-linux'),
    )
}

/** What hosts send is never run, and no device. */
function checkMount({ path }: Vault): Finding[] {
  const mount = mountOf(readMounts(), realPath(path))
  if (!mount || !statSync(path, { throwIfNoEntry: false })) return []
  const lacking = ['nosuid', 'nodev', 'noexec'].filter((option) => !mount.options.includes(option))
  if (lacking.length === 0) return []
  const finding = `${path} lies on ${mount.at}, which is mounted without ${lacking.join(', ')}`
  const remedy = `a file system of its own for the vault, with nosuid,nodev,noexec in /etc/fstab${mount.at === '/' ? '' : `, or: mount -o remount,${lacking.join(',')} ${mount.at}`}`
  return [warning('vault.mount', 'vault', finding, remedy)]
}

function checkHosts(vault: Vault): Finding[] {
  const owner = statSync(vault.path, { throwIfNoEntry: false })?.uid
  return overviewOf(vault, Object.keys(vault.hosts)).flatMap(({ host, prepared, sources }) => {
    const about = `vault host ${host}`
    if (!prepared)
      return [
        error('vault.no-folder', about, 'the vault is not prepared for it', `hdsync vault add-host ${host}`),
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
    const uid = lstatSync(join(vault.path, host, 'incoming'), { throwIfNoEntry: false })?.uid
    if (uid === owner)
      findings.push(
        warning(
          'vault.same-owner',
          about,
          'it sends as the user that owns the vault: `hdsync receive` alone keeps older copies from it',
          `as root: hdsync vault add-host ${host}, which makes a user for it`,
        ),
      )
    return findings
  })
}
