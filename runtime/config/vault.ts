import * as z from 'zod'
import { reachFields, usualKnownHosts } from './copies.ts'
import { plainPath, vaultAddress, windowsOf } from './copy-vault.ts'
import { keep, kept } from './keep.ts'
import { pathBelowRoot } from './names.ts'
import { byteCount, duration } from './quantities.ts'
import { text } from './reading.ts'

// A vault: where other hosts send copies of their archives. `vault:` of the config.

const CONCURRENCY = 'a whole number from 1 to 64'

/** The name of a host is part of the name of a unix user and of a folder. */
export const vaultHostName = text(
  'the name of a host: lower-case letters, digits and `-`, beginning with a letter (at most 24)',
  (name) => /^[a-z][a-z0-9-]{0,23}$/.test(name),
)

const vaultKeep = z.lazy(() =>
  z.strictObject({
    daily: kept(1, 3660)
      .default(7)
      .describe('The first and the last good copy of each of so many days, by the clock of the vault.'),
    weekly: keep.shape.weekly.default(5).describe('The same for each of so many weeks.'),
    monthly: keep.shape.monthly.default(12).describe('The same for each of so many months.'),
    yearly: keep.shape.yearly.default(3).describe('The same for each of so many years.'),
    atLeast: keep.shape.atLeast
      .default(5)
      .describe('So many different good copies of a source stay, however old they are.'),
  }),
)

/** A host that the vault fetches from, in place of being sent to. */
const pullSchema = z.lazy(() =>
  z
    .strictObject({
      ssh: vaultAddress.describe(
        'The user and the host that run `hdsync give`, such as root@web1.example.org.',
      ),
      ...reachFields,
      keyFile: plainPath.describe(
        'The private key that the host knows the vault by. Only its owner may read it.',
      ),
      knownHosts: plainPath
        .default(usualKnownHosts)
        .describe('The keys of the host, which `hdsync vault trust NAME` writes.'),
      every: duration(60_000, 30 * 86_400_000, '1h')
        .prefault('1h')
        .describe('How often the daemon asks the host for what the vault has not got.'),
      alert: z
        .strictObject({
          after: duration(3_600_000, 100 * 365 * 86_400_000, '8d')
            .prefault('8d')
            .describe('How long nothing may have come of the host before `vault.overdue` tells of it.'),
        })
        .prefault({}),
    })
    .transform(({ ssh, port = 22, limit, ...rest }) => ({ ...ssh, port, limit: windowsOf(limit), ...rest })),
)

const vaultHostSchema = z.lazy(() =>
  z.strictObject({
    quota: byteCount
      .exactOptional()
      .describe('How much its copies may take, such as 500G; as much as the disk has, unless given.'),
    keep: vaultKeep.prefault({}).describe('Which of its copies stay. The vault alone decides it.'),
    mayGet: z
      .boolean({ error: 'true or false' })
      .default(false)
      .describe('Whether the host may read its own copies. Without it, a restore begins at the vault.'),
    pull: pullSchema.exactOptional().describe('The vault fetches from the host; without it, the host sends.'),
  }),
)

/** This machine takes copies of archives from other hosts. */
export const vaultSchema = z.lazy(() =>
  z.strictObject({
    path: pathBelowRoot.describe('The folder of the vault; each host has a folder in it.'),
    hosts: z
      .record(vaultHostName, vaultHostSchema)
      .default({})
      .describe('The hosts that may send; `hdsync vault add-host` prepares the machine for each.'),
    concurrency: z
      .int({ error: CONCURRENCY })
      .min(1, CONCURRENCY)
      .max(64, CONCURRENCY)
      .default(4)
      .describe('How many hosts may send at the same time.'),
    check: z
      .strictObject({
        budget: duration(1000, 86_400_000, '30m')
          .prefault('30m')
          .describe('How long the daemon reads copies again each day.'),
      })
      .prefault({}),
  }),
)

export type Vault = z.output<typeof vaultSchema>
export type VaultHost = z.output<typeof vaultHostSchema>
export type Pull = z.output<typeof pullSchema>
