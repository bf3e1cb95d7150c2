import type { Vault } from '../../../config/copies.ts'
import { sharingOptions } from './shared-connection.ts'

/** How a vault is reached, see `copies` of the config; or a host, by a vault that fetches. */
export interface Reach extends Pick<Vault, 'user' | 'host' | 'port' | 'keyFile' | 'knownHosts'> {
  /** It is a host, and not a vault. */
  isHost?: true
  /** Of the connection that it is reached over; see `sharedSocket`. Undefined for one of its own each time. */
  socket?: string | undefined
}

/**
 * How ssh(1) is called, but for the destination and what runs there. It asks for nothing, knows hosts by `knownHosts` alone, and shows
 * no key but the one of the config. The other end gets nothing of this machine, be it its agent or a port. Each of these words is free of blanks and quotes: rsync(1) splits them at blanks.
 */
export function sshWords({ port, keyFile, knownHosts, socket }: Reach): [string, ...string[]] {
  const options = {
    IdentitiesOnly: 'yes',
    IdentityAgent: 'none',
    UserKnownHostsFile: knownHosts,
    GlobalKnownHostsFile: '/dev/null',
    StrictHostKeyChecking: 'yes',
    KnownHostsCommand: 'none',
    VerifyHostKeyDNS: 'no',
    NoHostAuthenticationForLocalhost: 'no',
    UpdateHostKeys: 'no',
    BatchMode: 'yes',
    ConnectTimeout: '20',
    ServerAliveInterval: '15',
    ServerAliveCountMax: '4',
    ClearAllForwardings: 'yes',
    ForwardAgent: 'no',
    ForwardX11: 'no',
    Tunnel: 'no',
    PermitLocalCommand: 'no',
    RemoteCommand: 'none',
    ...sharingOptions(socket),
    LogLevel: 'ERROR',
  }
  const words = Object.entries(options).flatMap(([name, value]) => ['-o', `${name}=${value}`])
  return ['ssh', '-T', '-p', String(port), '-i', keyFile, ...words]
}

/** As ssh(1) takes it: without the brackets of an address of IPv6. */
export function destinationOf({ user, host }: Pick<Reach, 'user' | 'host'>): string {
  return `${user}@${bareHost(host)}`
}

/** A vault for people to read: `backup@vault.example.org`, with a port that is not the usual one. */
export function vaultText({ user, host, port }: Pick<Reach, 'user' | 'host' | 'port'>): string {
  return `${user}@${host}${port === 22 ? '' : `:${port}`}`
}

/** Without the brackets of an address of IPv6. */
export function bareHost(host: string): string {
  return host.replace(/^\[|\]$/g, '')
}
