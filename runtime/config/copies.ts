import * as z from 'zod'
import {
  type LimitWindow,
  plainPath,
  timesOfDay,
  type VaultAddress,
  vaultAddress,
  windowsOf,
} from './copy-vault.ts'
import { keep, kept } from './keep.ts'
import { sourceName, targetReference } from './names.ts'
import { byteRate, duration } from './quantities.ts'
import { beside, notBeside, onlyOneOf } from './rules.ts'

// Other places that get a copy of each finished archive: `copies:` of the config.

const copyKeep = z.lazy(() =>
  z.strictObject({
    daily: kept(1, 3660).default(7).describe('The newest copy of each of so many days.'),
    ...keep.shape,
  }),
)

const VAULT_KEEPS =
  'what to keep is for the vault alone to say: `vault: { hosts: { NAME: { keep } } }` of its own config'
const ONLY_ENCRYPTED = 'only copies in a vault (`ssh`) are encrypted; a disk is by LUKS below it'
const ONLY_VAULTS = 'only a vault (`ssh`) is reached that way'

/** Where `hdsync copies trust` writes the keys of hosts. */
export const usualKnownHosts = '/etc/hdsync/known_hosts'

/** How the other machine is reached, whichever of the two asks. */
export const reachFields = {
  port: z
    .int({ error: 'a port' })
    .min(1, 'a port')
    .max(65_535, 'a port')
    .exactOptional()
    .describe('Its port; 22 unless given.'),
  limit: z
    .record(timesOfDay, byteRate)
    .exactOptional()
    .describe(
      'How many bytes a second it gets at most, by the time of day; of several that hold, the lowest.',
    ),
}

/** The keys of a place, each by itself. */
export const copyFields = z.lazy(() =>
  z.strictObject({
    target: targetReference
      .exactOptional()
      .describe(
        'A target that gets them, in its folder `kept`: a disk that is plugged in now and then. It has to be adopted, and must not be that of `archive`.',
      ),
    ssh: vaultAddress
      .exactOptional()
      .describe('A vault that gets them: the user and the host that run `hdsync receive`.'),
    port: reachFields.port,
    keyFile: plainPath
      .exactOptional()
      .describe('The private key that the vault knows this host by. Only its owner may read it.'),
    knownHosts: plainPath
      .exactOptional()
      .describe(
        `The keys of its host, which \`hdsync copies trust NAME\` writes; ${usualKnownHosts} unless given.`,
      ),
    encryptTo: plainPath
      .exactOptional()
      .describe(
        'A file of recipients of age: what is sent is encrypted to them, and this host cannot read it again. A line each: `age1…`, or a public key of ssh.',
      ),
    limit: reachFields.limit,
    sources: z
      .array(sourceName)
      .min(1)
      .exactOptional()
      .describe('The sources whose archives it gets; all that have any, unless given.'),
    keep: copyKeep
      .exactOptional()
      .describe('What stays on the disk; everything unless given, until it is full.'),
    alert: z
      .strictObject({
        after: duration(3_600_000, 100 * 365 * 86_400_000, '1w')
          .prefault('1w')
          .describe('How long it may go without having everything before `copy.overdue` tells of it.'),
      })
      .prefault({}),
  }),
)

/** How a vault is reached, and how fast it is sent to. */
export interface Vault extends VaultAddress {
  port: number
  keyFile: string
  knownHosts: string
  /** The file of the recipients; undefined where archives are sent as they are. */
  encryptTo?: string
  limit: readonly LimitWindow[]
}

/** What a place has in either case. Exported, as the types of the build name it. */
export interface Common {
  sources?: string[]
  alert: { after: number }
}

/** A disk, or a vault. */
type Copy = Common &
  (
    | { target: string; keep?: z.output<typeof copyKeep>; vault?: undefined }
    | { vault: Vault; target?: undefined; keep?: undefined }
  )

/** A place that gets copies of archives: a disk, or a vault that is reached over ssh. */
export const copySchema = z.lazy(() =>
  copyFields
    .unwrap()
    .check(
      onlyOneOf('target', 'ssh'),
      notBeside('target', 'port', ONLY_VAULTS),
      notBeside('target', 'keyFile', ONLY_VAULTS),
      notBeside('target', 'knownHosts', ONLY_VAULTS),
      notBeside('target', 'limit', ONLY_VAULTS),
      notBeside('target', 'encryptTo', ONLY_ENCRYPTED),
      notBeside('ssh', 'keep', VAULT_KEEPS),
      beside<z.output<typeof copyFields>>((copy, { addIssue }) => {
        if (!('ssh' in copy) || 'keyFile' in copy) return
        const params = {
          at: 'key',
          found: 'none',
          hint: 'ssh-keygen -t ed25519 -N "" -f /etc/hdsync/vault.key',
        }
        addIssue({ code: 'custom', message: 'a `keyFile` beside `ssh`', params })
      }),
    )
    .transform(
      ({ target, ssh, port, keyFile, knownHosts, encryptTo, limit, keep: rules, ...common }): Copy =>
        ssh === undefined
          ? { ...common, target: target ?? '', ...(rules && { keep: rules }) }
          : {
              ...common,
              vault: {
                ...ssh,
                port: port ?? 22,
                keyFile: keyFile ?? '',
                knownHosts: knownHosts ?? usualKnownHosts,
                ...(encryptTo !== undefined && { encryptTo }),
                limit: windowsOf(limit),
              },
            },
    ),
)
