import { type Pulled, pullHost } from '../../backup/vault/pull.ts'
import { loadConfig } from '../../config/load.ts'
import type { Pull, Vault } from '../../config/vault.ts'
import { counted } from '../../count.ts'
import { UsageError } from '../../errors.ts'
import { formatBytes } from '../../units.ts'
import { exitCodes } from '../exit-codes.ts'
import { printable } from '../format.ts'
import type { Io } from '../io.ts'
import { toolsFor, vaultOf } from '../vault/door.ts'
import { type TrustOptions, trust } from '../vault/trust.ts'
import { hostsMeant } from './vault.ts'

interface PullOptions {
  config?: string
  json?: boolean
}

/**
 * `hdsync vault pull`: fetches from hosts what the vault has not got, one host after the other.
 * @returns 1 where something could not be fetched.
 */
export async function vaultPullCommand(
  host: string | undefined,
  options: PullOptions,
  io: Io,
): Promise<number> {
  const vault = vaultOf(await loadConfig({ path: options.config, env: io.env }))
  const hosts = hostsMeant(vault, host).filter((name) => host !== undefined || vault.hosts[name]?.pull)
  if (hosts.length === 0)
    throw new UsageError('the vault fetches from no host: none has `pull` in the config')
  const isWatched = process.stderr.isTTY && !options.json && !io.env.CI
  const view = isWatched ? (await import('../view/one-line.ts')).oneLine(process.stderr) : undefined
  const tools = {
    ...toolsFor(vault),
    warn: (text: string) => (view ? view.note(`hdsync: ${text}`) : io.stderr(`hdsync: ${text}\n`)),
    ...(view && { show: view.show }),
  }
  const pulled: Pulled[] = []
  try {
    for (const name of hosts) {
      pullOf(vault, name)
      const result = await pullHost(name, tools)
      pulled.push(result)
      view?.clear()
      if (!options.json) io.stdout(textOf(result))
    }
  } finally {
    view?.end()
  }
  if (options.json) io.stdout(`${JSON.stringify(pulled)}\n`)
  return pulled.some(({ error }) => error !== null) ? exitCodes.failed : exitCodes.succeeded
}

/** `hdsync vault trust`: shows the keys of a host that the vault fetches from, asks, and writes them down. */
export async function vaultTrustCommand(host: string, options: TrustOptions, io: Io): Promise<number> {
  const vault = vaultOf(await loadConfig({ path: options.config, env: io.env }))
  hostsMeant(vault, host)
  return await trust({ vault: pullOf(vault, host), where: host, about: { of: host } }, options, io)
}

/** @throws {UsageError} The host sends by itself. */
function pullOf({ hosts }: Vault, host: string): Pull {
  const { pull } = hosts[host] ?? {}
  if (pull) return pull
  throw new UsageError(`${host} sends by itself: the config has no \`pull\` for it`, {
    hint: `\`vault: { hosts: { ${host}: { pull: { ssh: root@${host}, keyFile: /etc/hdsync/pull.key } } } }\``,
  })
}

function textOf({ host, archives, bytes, waiting, error }: Pulled): string {
  const came = archives === 0 ? 'nothing new' : `${counted(archives, 'archive')} fetched`
  const left = waiting === 0 ? '' : `; ${counted(waiting, 'archive')} left for another day`
  const failed = error === null ? '' : `${host}: FAILED: ${printable(error)}\n`
  return `${host}: ${came}, ${formatBytes(bytes)} over the wire${left}\n${failed}`
}
