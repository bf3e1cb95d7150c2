import { lookup } from 'node:dns/promises'
import { isIP } from 'node:net'
import { networkInterfaces } from 'node:os'
import { UsageError } from '../../errors.ts'

/** The host of a server's address, as certificates have it. */
export function hostOfServer(server: string): string {
  return new URL(server).hostname.replace(/^\[|\]$/g, '')
}

/**
 * Which of several servers is the one of this machine: the one whose name leads to an address of it.
 * @throws {UsageError} None does, or several do.
 */
export async function ownServer(servers: readonly string[]): Promise<string> {
  const own = new Set(Object.values(networkInterfaces()).flatMap((all) => all?.map(({ address }) => address)))
  const isOwn = await Promise.all(
    servers.map(async (server) => {
      const host = hostOfServer(server)
      const found = isIP(host) ? [{ address: host }] : await lookup(host, { all: true }).catch(() => [])
      return found.some(({ address }) => own.has(address))
    }),
  )
  const [first, ...more] = servers.filter((_, index) => isOwn[index])
  if (first !== undefined && more.length === 0) return first
  throw new UsageError(
    first === undefined
      ? 'no address of `fleet.servers` is one of this machine'
      : `${[first, ...more].join(' and ')} are both on this machine`,
    { hint: `name its own: --at ${servers[0]}; a hub without a NATS server beside it: --standby` },
  )
}
