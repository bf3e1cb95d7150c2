import { type Stats, statSync } from 'node:fs'
import { copyPlaces, type VaultPlace } from '../../backup/copies/places.ts'
import type { Config } from '../../config/config.ts'
import { hintOf } from '../../errors.ts'
import type { CommandRunner } from '../../host/command/command.ts'
import { isInstalled } from '../../host/command/packages.ts'
import { proveRecipients } from '../../host/copies/sealed/age.ts'
import { recipientsIn } from '../../host/copies/sealed/recipients.ts'
import { knownHostKeys } from '../../host/copies/vault/host-keys.ts'
import { type Reach, vaultText } from '../../host/copies/vault/ssh.ts'
import type { IdOf } from './conditions.ts'
import { error, type Finding, ok, warning } from './finding.ts'

/** Whether vaults can be sent to, as far as that can be told without asking them. */
export async function checkCopies(config: Config, runner: CommandRunner): Promise<Finding[]> {
  const vaults = copyPlaces(config).filter((place) => place.kind === 'vault')
  return (await Promise.all(vaults.map((place) => checkVault(place, runner)))).flat()
}

async function checkVault({ name, vault }: VaultPlace, runner: CommandRunner): Promise<Finding[]> {
  const about = `copy ${name}`
  const findings = [
    ...checkKey(vault.keyFile, about, { none: 'copy.no-key', open: 'copy.open-key' }),
    ...checkHostKey(vault, about, {
      ...{ none: 'copy.no-host-key', without: 'nothing is sent there' },
      trust: `hdsync copies trust ${name}`,
    }),
    ...(await checkRecipients(vault.encryptTo, about, runner)),
  ]
  return findings.length > 0 ? findings : [ok('copy.ok', about, `${vaultText(vault)} is known`)]
}

/** Whether ssh(1) can use a key. @param ids What it is where there is none, or where others can read it. */
export function checkKey(
  file: string,
  about: string,
  ids: { none: IdOf<'error'>; open: IdOf<'error'> },
): Finding[] {
  const make = `ssh-keygen -t ed25519 -N '' -f ${file}`
  let stats: Stats | undefined
  try {
    stats = statSync(file, { throwIfNoEntry: false })
  } catch (thrown) {
    return [error(ids.none, about, `${file}: ${(thrown as Error).message}`, make)]
  }
  if (!stats?.isFile()) return [error(ids.none, about, `there is no key ${file}`, make)]
  // ssh(1) does not use such a key.
  if (stats.mode & 0o077) {
    return [error(ids.open, about, `others can read the key ${file}`, `chmod 600 ${file}`)]
  }
  return []
}

async function checkRecipients(
  file: string | undefined,
  about: string,
  runner: CommandRunner,
): Promise<Finding[]> {
  if (file === undefined) return []
  try {
    recipientsIn(file)
    // That age is not installed is a finding of its own.
    if (isInstalled('age')) await proveRecipients(file, runner)
    return []
  } catch (thrown) {
    return [
      error('copy.no-recipients', about, (thrown as Error).message, hintOf(thrown) ?? `look at ${file}`),
    ]
  }
}

/** Whether the keys of another machine are known. @param none What it is where they are not, and what is `without` them. */
export function checkHostKey(
  reach: Reach,
  about: string,
  { none, without, trust }: { none: IdOf<'warning'>; without: string; trust: string },
): Finding[] {
  try {
    if (knownHostKeys(reach).length > 0) return []
  } catch (thrown) {
    return [warning(none, about, `${reach.knownHosts}: ${(thrown as Error).message}`, trust)]
  }
  return [warning(none, about, `${reach.knownHosts} has no key of ${vaultText(reach)}: ${without}`, trust)]
}
