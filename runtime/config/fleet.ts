import * as z from 'zod'
import { commandTypes, fleetHostName, mostLabels, slotServerName } from '../fleet-protocol.ts'
import { absolutePath, pathBelowRoot } from './names.ts'
import { duration } from './quantities.ts'
import { text } from './reading.ts'
import { beside } from './rules.ts'

// A fleet: hosts that tell a hub how their backups stand, over a NATS server. `fleet:` of the config.

/** Where `hdsync fleet init` and `hdsync fleet join` put what they make. */
export const usualFleetFolder = '/etc/hdsync/fleet'

const server = text('the address of a NATS server with TLS such as tls://hub1.example.org:4222', (value) =>
  /^tls:\/\/(?:[A-Za-z0-9][A-Za-z0-9.-]{0,252}|\[[0-9A-Fa-f:.]+\]):\d{1,5}$/.test(value),
)

const label = text('a label of letters, digits, `_`, `.` and `-` (at most 63)', (value) =>
  /^[A-Za-z0-9][\w.-]{0,62}$/.test(value),
)

/** The name of a host in its fleet. */
export const fleetHost = text(
  'the name of a host: lower-case letters, digits and `-`, beginning with a letter (at most 63)',
  (name) => fleetHostName.test(name),
)

/** A backup server, as the hub and its hosts call it when they share its slots. */
export const slotServer = text(
  'the name of a backup server: letters, digits, `_`, `.` and `-` (at most 63)',
  (name) => slotServerName.test(name),
)

const onlyHosts = ['credentialsFile', 'caFile', 'labels', 'silentAfter', 'obeys', 'slot'] as const
const onlyHubs = ['folder', 'slots'] as const

/** The keys of `fleet`, each by itself. */
const fleetFields = z.lazy(() =>
  z.strictObject({
    role: z
      .enum(['host', 'hub'])
      .describe('`host`: this machine tells a hub how its backups stand. `hub`: it is told, by all others.'),
    servers: z
      .array(server)
      .min(1)
      .describe(
        'The NATS server that carries it, 2.14 or later, by TLS; or three, of which one may be away.',
      ),
    credentialsFile: absolutePath
      .exactOptional()
      .describe(
        `A host: its name and its key, as \`hdsync fleet join\` writes them. Default: \`${usualFleetFolder}/credentials\`.`,
      ),
    caFile: absolutePath
      .exactOptional()
      .describe(
        `A host: the certificate that vouches for the server. Default: \`${usualFleetFolder}/ca.pem\`.`,
      ),
    labels: z
      .array(label)
      .max(mostLabels, `${mostLabels} labels at most`)
      .exactOptional()
      .describe('A host: what `hdsync fleet status --label` finds it by.'),
    silentAfter: duration(60_000, 100 * 365 * 86_400_000, '36h')
      .exactOptional()
      .describe('A host: the hub tells of it once it has heard nothing for that long. Default: 36h.'),
    obeys: z
      .array(z.enum(commandTypes))
      .exactOptional()
      .describe(
        'A host: what the hub may begin here, by `hdsync fleet run`; the daemon stays for it. `sync.meant`: to release what is held. `config.set`: what it may set in this config, by `hdsync fleet config`. Default: nothing.',
      ),
    slot: z
      .strictObject({
        server: slotServer.describe('The name that the hub has in `slots`.'),
        patience: duration(60_000, 7 * 86_400_000, '2h')
          .exactOptional()
          .describe('A run that has waited for so long goes on without a slot. Default: 2h.'),
      })
      .exactOptional()
      .describe(
        'A host: backups, and copies to other places, wait until the hub has a slot of this backup server for them.',
      ),
    slots: z
      .record(slotServer, z.int().min(1).max(mostSlots))
      .exactOptional()
      .describe(
        'A hub: how many hosts may be at work on a backup server at once, by its name. Default: none are known.',
      ),
    folder: pathBelowRoot
      .exactOptional()
      .describe(
        `A hub: where \`hdsync fleet init\` has put keys, certificates and the config of the server. Default: \`${usualFleetFolder}\`.`,
      ),
  }),
)

const usualSilenceMs = 36 * 3_600_000
const usualPatienceMs = 2 * 3_600_000
const mostSlots = 10_000

export const fleetSchema = z.lazy(() =>
  fleetFields
    .unwrap()
    .check(
      beside<z.output<typeof fleetFields>>((map, { addIssue }) => {
        const strange =
          map.role === 'hub'
            ? onlyHosts.filter((key) => key in map)
            : map.role === 'host'
              ? onlyHubs.filter((key) => key in map)
              : []
        for (const key of strange) {
          const message = `no \`${key}\` where \`role\` is ${map.role}`
          addIssue({ code: 'custom', path: [key], message, params: { at: 'key', found: 'one' } })
        }
      }),
    )
    .transform(
      ({ role, servers, credentialsFile, caFile, labels, silentAfter, obeys, folder, slot, slots }) =>
        role === 'hub'
          ? { role, servers, folder: folder ?? usualFleetFolder, slots: slots ?? {} }
          : {
              role,
              servers,
              credentialsFile: credentialsFile ?? `${usualFleetFolder}/credentials`,
              caFile: caFile ?? `${usualFleetFolder}/ca.pem`,
              labels: labels ?? [],
              silentAfterMs: silentAfter ?? usualSilenceMs,
              obeys: obeys ?? [],
              ...(slot && { slot: { server: slot.server, patienceMs: slot.patience ?? usualPatienceMs } }),
            },
    ),
)

export type Fleet = z.output<typeof fleetSchema>
export type FleetHost = Extract<Fleet, { role: 'host' }>
export type FleetHub = Extract<Fleet, { role: 'hub' }>
/** The slot that runs of a host wait for. */
export type FleetSlot = NonNullable<FleetHost['slot']>
