import type { HostInFleet } from '../../backup/fleet/overview.ts'
import { UsageError } from '../../errors.ts'
import { didYouMean } from '../../nearest.ts'
import { printable } from '../format.ts'

/** @throws {UsageError} No host has the label: a slip of the pen is not taken for a fleet in which all is well. */
export function labelled(all: readonly HostInFleet[], label: string): HostInFleet[] {
  const hosts = all.filter(({ labels }) => labels.includes(label))
  if (hosts.length > 0) return hosts
  const known = [...new Set(all.flatMap(({ labels }) => labels.map(printable)))]
  throw new UsageError(`no host has the label ${label}`, {
    hint:
      didYouMean(label, known) ??
      (known.length > 0
        ? `hosts have: ${known.sort().join(', ')}`
        : 'a host has those of `fleet.labels` in its config'),
  })
}

export interface HostChoice {
  label?: string
  all?: boolean
  /** Only those whose runs wait for slots of this backup server; all of them where nothing else is said. */
  server?: string
}

/**
 * The hosts that a person means, each once. All of them only where that is said.
 * @throws {UsageError} None is named, one is not known, or has no rights any more.
 */
export function chosenHosts(
  names: readonly string[],
  { label, all, server }: HostChoice,
  fleet: readonly HostInFleet[],
): HostInFleet[] {
  if (server === undefined) return named(names, { label, all }, fleet)
  const isOpen = names.length === 0 && label === undefined && !all
  const hosts = named(names, isOpen ? { label, all: true } : { label, all }, fleet)
  const own = hosts.filter(({ slotServer }) => slotServer === server)
  const other = names.length > 0 && hosts.find((host) => !own.includes(host))
  if (other)
    throw new UsageError(
      `${other.host} ${other.slotServer === null ? 'waits for no slots' : `waits for slots of ${other.slotServer}`}, not of ${server}`,
      {
        hint: '`fleet.slot.server` in its config; the hub knows it once the host has told something',
      },
    )
  if (own.length > 0) return own
  const known = [...new Set(fleet.flatMap(({ slotServer }) => slotServer ?? []))].map(printable)
  throw new UsageError(`none of these hosts waits for slots of ${server}`, {
    hint:
      didYouMean(server, known) ??
      'a host does with `fleet: { slot: { server } }` in its config; the hub knows it once the host has told something',
  })
}

function named(
  names: readonly string[],
  { label, all }: { label: string | undefined; all: boolean | undefined },
  fleet: readonly HostInFleet[],
): HostInFleet[] {
  if ([names.length > 0, label !== undefined, all === true].filter(Boolean).length !== 1)
    throw new UsageError('name hosts, or a label, or all', {
      hint: 'hdsync fleet run web1 web2, --label web, or --all',
    })
  if (names.length === 0) {
    const wide = label === undefined ? fleet : labelled(fleet, label)
    return wide.filter(({ state }) => state !== 'revoked')
  }
  return [...new Set(names)].map((name) => {
    const host = fleet.find((one) => one.host === name)
    if (!host) {
      const known = fleet.map((one) => one.host)
      throw new UsageError(`there is no host ${name} in the fleet`, {
        hint: didYouMean(name, known) ?? 'hdsync fleet status lists them',
      })
    }
    if (host.state === 'revoked')
      throw new UsageError(`${name} has no rights any more: nothing can be asked of it`, {
        hint: `hdsync fleet enroll ${name}`,
      })
    return host
  })
}
