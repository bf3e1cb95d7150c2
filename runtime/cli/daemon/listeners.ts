import type { Config } from '../../config/config.ts'
import { socketPath, usersSocketPath, vaultSocketPath } from '../../config/socket.ts'
import { systemClock } from '../../core/clock.ts'
import { UsageError } from '../../errors.ts'
import { createRunner, unobserved } from '../../host/command/command.ts'
import { localIds } from '../../host/owners/local-ids.ts'
import { vaultGroup } from '../../host/vault/host-user.ts'
import { type ListenAddress, type Listener, listen } from '../../http/listener.ts'
import { RenewedCertificate } from '../../http/tls/renewed.ts'
import type { Service } from './service.ts'

/** How long answers that are under way may take when a socket is closed. */
const hangUpMs = 1000

/** The sockets of the daemon; those that the service manager opened stay open, the others follow the config. */
export class Listeners {
  readonly #service: Service
  readonly #onActivity: () => void
  readonly #note: (message: string) => void
  readonly #open = new Map<string, Listener>()
  /** By fds that were handed over. */
  readonly #kept = new Set<string>()
  /** Of the ports, where they are to be encrypted. */
  #certificate: RenewedCertificate | undefined

  constructor(service: Service, onActivity: () => void, note: (message: string) => void) {
    this.#service = service
    this.#onActivity = onActivity
    this.#note = note
  }

  get clients(): number {
    return [...this.#open.values()].reduce((sum, { clients }) => sum + clients, 0)
  }

  get addresses(): string[] {
    return [...this.#open.values()].map(({ address }) => address)
  }

  async open(sockets: readonly number[]): Promise<void> {
    this.#followCertificate()
    for (const fd of sockets) {
      await this.#listen({ fd })
      this.#kept.add(JSON.stringify({ fd }))
    }
    await this.follow()
  }

  /** Opens what the config names and is not open yet, and closes what it does not name any more. */
  async follow(): Promise<void> {
    const { config } = this.#service
    this.#followCertificate()
    const own = this.#kept.size > 0 ? [] : addressesOf(config)
    const wanted = new Map(
      [...own, ...(await groupAddresses(config))].map((address) => [JSON.stringify(address), address]),
    )
    for (const [key, listener] of this.#open) {
      if (wanted.has(key) || this.#kept.has(key)) continue
      this.#open.delete(key)
      await listener.close(hangUpMs)
    }
    for (const [key, address] of wanted) if (!this.#open.has(key)) await this.#listen(address)
  }

  stopAccepting(): void {
    for (const listener of this.#open.values()) listener.stopAccepting()
  }

  async close(): Promise<void> {
    await Promise.all([...this.#open.values()].map((listener) => listener.close(hangUpMs)))
  }

  /** What is wrong with a certificate is told now, and not when somebody comes. */
  #followCertificate(): void {
    const tls = this.#service.config.http?.tls
    if (!tls) this.#certificate = undefined
    else if (!this.#certificate?.isOf(tls)) {
      const before = this.#certificate?.current()
      this.#certificate = new RenewedCertificate(tls, systemClock, this.#note, before)
    }
    this.#certificate?.current()
  }

  async #listen(address: ListenAddress): Promise<void> {
    const listener = await listen({
      address,
      handle: (incoming, outgoing, local) => {
        if (!('group' in address)) return this.#service.handle(incoming, outgoing, local)
        const isVault = address.path === vaultSocketPath(this.#service.config)
        return isVault
          ? this.#service.handleVault(incoming, outgoing)
          : this.#service.handleUser(incoming, outgoing)
      },
      certificate: () => (this.#certificate ? this.#certificate.current() : 'plain'),
      onActivity: this.#onActivity,
    })
    this.#open.set(JSON.stringify(address), listener)
  }
}

function addressesOf(config: Config): ListenAddress[] {
  const tcp = config.http?.listen
  return [{ path: socketPath(config) }, ...(tcp ? [tcp] : [])]
}

/**
 * Where users who are not root are answered, and the users of hosts that send to the vault, if any are.
 * @throws {UsageError} There is no such group as the config names.
 */
async function groupAddresses(config: Config): Promise<ListenAddress[]> {
  const { vault, http } = config
  const runner = createRunner({ observer: unobserved, signal: new AbortController().signal, owner: 'serve' })
  const groupOf = async (name: string) => (await localIds('group', [name], runner)).get(name)
  const addresses: ListenAddress[] = []
  if (vault) {
    const group = await groupOf(vaultGroup)
    // The first host that gets a user of its own makes it.
    if (group !== undefined) addresses.push({ path: vaultSocketPath(config), group })
  }
  if (http?.users === undefined) return addresses
  const group = await groupOf(http.users)
  if (group !== undefined) return [...addresses, { path: usersSocketPath(config), group }]
  throw new UsageError(`there is no group ${http.users}, which \`http.users\` names`, {
    hint: `groupadd --system ${http.users}; its members may then list and restore what they could read`,
  })
}
