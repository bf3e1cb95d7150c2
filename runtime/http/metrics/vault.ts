import { overviewOf, type PullInVault } from '../../backup/vault/overview.ts'
import type { Vault } from '../../config/vault.ts'
import type { Sample } from './catalogue.ts'

/** How the hosts stand that send to this machine; nothing where it is no vault. */
export function vaultSamples(vault: Vault | undefined): Sample[] {
  if (!vault) return []
  return overviewOf(vault, Object.keys(vault.hosts)).flatMap(
    ({ host, usedBytes, quotaBytes, sources, pull }): Sample[] => [
      { name: 'hdsync_vault_host_used_bytes', labels: { host }, value: usedBytes },
      ...(quotaBytes === null
        ? []
        : [{ name: 'hdsync_vault_host_quota_bytes' as const, labels: { host }, value: quotaBytes }]),
      ...(pull ? pullSamples(host, pull) : []),
      ...sources.flatMap(({ source, copies, damaged, lastAt, odd }): Sample[] => {
        const labels = { host, source }
        const proved = lastAt === null ? 0 : Date.parse(lastAt) / 1000
        return [
          { name: 'hdsync_vault_copies', labels, value: copies },
          { name: 'hdsync_vault_damaged_copies', labels, value: damaged },
          { name: 'hdsync_vault_last_proved_timestamp_seconds', labels, value: proved },
          { name: 'hdsync_vault_odd', labels, value: odd ? 1 : 0 },
        ]
      }),
    ],
  )
}

function pullSamples(host: string, { goodAt, error, passes, overdue }: PullInVault): Sample[] {
  const labels = { host }
  const value = goodAt === null ? 0 : Date.parse(goodAt) / 1000
  return [
    { name: 'hdsync_vault_last_pulled_timestamp_seconds', labels, value },
    { name: 'hdsync_vault_pull_failed', labels, value: error === null || passes ? 0 : 1 },
    { name: 'hdsync_vault_pull_overdue', labels, value: overdue ? 1 : 0 },
  ]
}
