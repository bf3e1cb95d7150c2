import { isIPv4 } from 'node:net'
import * as z from 'zod'
import { absolutePath } from './names.ts'
import { parsed, text } from './reading.ts'

// How others talk to the daemon: `http:` in the config.

/** An address of this box and a port of it; port 0 is any that is free. */
export interface ListenAddress {
  host: string
  port: number
}

const LISTEN = 'an address and port such as 127.0.0.1:7227'

const listenAddress = parsed(
  LISTEN,
  (value): ListenAddress | undefined => {
    const [, v6, plain, digits] = /^(?:\[([\da-f:.]+)\]|([\w.-]+)):(\d{1,5})$/i.exec(value) ?? []
    const host = v6 ?? plain
    const port = Number(digits)
    return host && port <= 65_535 ? { host, port } : undefined
  },
  (value) => (/^\d{1,5}$/.test(value) ? `write 127.0.0.1:${value}` : undefined),
)

/** Requests that one client may make. */
export interface Rate {
  perSecond: number
  /** At once, before the limit is felt: what ten seconds allow. */
  burst: number
}

const rate = parsed('a rate such as 100/s or 600/m', (value): Rate | undefined => {
  const [, digits, unit] = /^(\d{1,7}) ?\/ ?(s|m)$/.exec(value) ?? []
  const perSecond = Number(digits) / (unit === 'm' ? 60 : 1)
  return perSecond > 0 ? { perSecond, burst: Math.max(1, Math.ceil(perSecond * 10)) } : undefined
})

const hostName = text('a host name such as backup.example.org, without a port', (name) =>
  /^[a-z\d](?:[a-z\d.-]{0,251}[a-z\d])?$/i.test(name),
)

const basePath = text('a path such as /backup, without a slash at its end', (path) =>
  /^(?:\/[\w-][\w.-]*){1,8}$/.test(path),
)

const webhookName = text('a name of letters, digits, `_` and `-` (at most 63)', (name) =>
  /^[A-Za-z\d][\w-]{0,62}$/.test(name),
)

const groupName = text('the name of a group', (name) => /^[a-z_][\w.-]{0,31}\$?$/i.test(name))

const webhookSchema = z.lazy(() =>
  z.strictObject({
    secretFile: absolutePath.describe('File of the secret that the sender signs with: `whsec_...`.'),
    event: z.string({ error: 'the type of an event' }).describe('The event that a call becomes.'),
    data: z.record(z.string(), z.unknown(), { error: 'a map' }).default({}).describe('Its data.'),
  }),
)

const tlsSchema = z.lazy(() =>
  z.strictObject({
    certFile: absolutePath.describe('File of the certificate in PEM, with those that vouch for it below it.'),
    keyFile: absolutePath.describe('File of its private key in PEM, which others cannot read.'),
  }),
)

export const httpSchema = z.strictObject({
  listen: listenAddress.exactOptional().describe('Address and port; without it there is the socket alone.'),
  tokenFile: absolutePath
    .exactOptional()
    .describe(
      'File of the bearer token. Without it the port must be on a loopback address, and takes signed webhooks alone.',
    ),
  readTokenFile: absolutePath
    .exactOptional()
    .describe('File of a second token, which sees how backups stand, reads no file and changes nothing.'),
  tls: tlsSchema
    .exactOptional()
    .describe('Has the port speak HTTPS. A renewed certificate is taken at the next connection.'),
  base: basePath
    .exactOptional()
    .describe('What a reverse proxy puts before every path, where hdsync has no host name of its own.'),
  socket: absolutePath.exactOptional().describe('The unix socket of the daemon.'),
  users: groupName
    .exactOptional()
    .describe(
      'Group whose members may list and restore what they could read themselves, over `users.sock` beside the socket; nobody unless given.',
    ),
  restore: z
    .boolean({ error: 'true or false' })
    .default(false)
    .describe('Whether the port takes restores, which write as root. The socket always does.'),
  hosts: z
    .array(hostName)
    .default([])
    .describe('Names under which it is reached, beside localhost and addresses.'),
  rateLimit: rate.prefault('100/s').describe('Requests that one client may make.'),
  webhooks: z.record(webhookName, webhookSchema).default({}).describe('Signed calls that become events.'),
})

/** Whether only this box can reach an address. */
export function isLoopback({ host }: ListenAddress): boolean {
  return host === 'localhost' || host === '::1' || (isIPv4(host) && host.startsWith('127.'))
}
