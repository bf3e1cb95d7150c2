import * as z from 'zod'
import { copySchema } from './copies.ts'
import { fleetSchema } from './fleet.ts'
import { httpSchema } from './http.ts'
import { keep, kept } from './keep.ts'
import {
  absolutePath,
  device,
  excludePattern,
  fileSystem,
  logicalVolume,
  mountOption,
  pathBelowRoot,
  sourceName,
  targetName,
  targetReference,
  volumeGroup,
} from './names.ts'
import { notifySchema } from './notify.ts'
import {
  backoff,
  byteCount,
  byteRate,
  changeLimit,
  deletionLimit,
  duration,
  memorySize,
  snapshotSize,
  snapshotSizeOrAuto,
} from './quantities.ts'
import { beside, notBeside, onlyOneOf } from './rules.ts'
import { defaultState } from './socket.ts'
import { vaultSchema } from './vault.ts'

// The config as it is written, and what it is read as. Defaults stand in the schema, next to their key.

const SAMPLE = 'a whole number from 1 to 1000'
const ATTEMPTS = 'a whole number from 1 to 100'

const gate = z
  .strictObject({
    timeout: duration(1000, 3_600_000, '60s')
      .prefault('60s')
      .describe('How long functions that handle `snapshot.before` may take to get ready.'),
    onTimeout: z
      .enum(['give-up', 'take-anyway'])
      .default('give-up')
      .describe('When one of them takes longer, or fails: give the snapshot up, or take it with a warning.'),
  })
  .transform(({ timeout: timeoutMs, onTimeout }) => ({ timeoutMs, onTimeout }))

/** A dump may take long, and a directory that is copied without it is better than none. */
const copyGate = z
  .strictObject({
    timeout: duration(1000, 86_400_000, '1h')
      .prefault('1h')
      .describe('How long functions that handle `source.before` may take to get ready.'),
    onTimeout: z
      .enum(['copy-anyway', 'give-up'])
      .default('copy-anyway')
      .describe('When one of them takes longer, or fails: copy with a warning, or give the source up.'),
  })
  .transform(({ timeout: timeoutMs, onTimeout }) => ({ timeoutMs, onTimeout }))

const snapshot = z.strictObject({
  size: snapshotSizeOrAuto.default('auto').describe('Room for what changes while the snapshot lives.'),
  max: snapshotSize
    .exactOptional()
    .describe('Largest room that `auto`, and attempts after an overflow, may take.'),
  gate: gate.prefault({}).describe('The wait for functions of your own before a snapshot is taken.'),
})

const mount = z.strictObject({
  attempts: z
    .int({ error: ATTEMPTS })
    .min(1, ATTEMPTS)
    .max(100, ATTEMPTS)
    .default(10)
    .describe('Snapshots to try before the source counts as failed.'),
  backoff: backoff
    .prefault('1s..30s')
    .describe('Pause between two attempts; it grows from the first to the second.'),
})

const ONLY_VOLUMES = 'only a logical volume (`lv`) is copied by way of a snapshot'
const ONLY_DIRECTORIES = 'the gate of a logical volume stands before its snapshot: `snapshot: { gate: … }`'

/** The keys of a source, each by itself. */
export const sourceFields = z.strictObject({
  lv: logicalVolume.exactOptional().describe('The logical volume to back up, by way of a snapshot.'),
  path: absolutePath.exactOptional().describe('The directory to back up.'),
  target: targetReference.describe('The target that gets the mirror, as a folder of the name of the source.'),
  exclude: z.array(excludePattern).default([]).describe('What is left out: patterns as rsync has them.'),
  archive: z.boolean().exactOptional().describe('Whether weekday archives are written. Default: if any are.'),
  maxDelete: deletionLimit.prefault('50%').describe('A sync that would delete more is held.'),
  maxChange: changeLimit
    .prefault('auto')
    .describe(
      'A sync that would change or replace more files of the mirror is held; new files do not count. `auto`: one that changes many more than is usual for the source is told of, and nothing is pruned until it is released.',
    ),
  snapshot: snapshot.exactOptional(),
  mount: mount.exactOptional(),
  gate: copyGate.exactOptional().describe('The wait for functions of your own before a directory is copied.'),
})

export const sourceSchema = sourceFields
  .check(
    onlyOneOf('lv', 'path'),
    notBeside('path', 'snapshot', ONLY_VOLUMES),
    notBeside('path', 'mount', ONLY_VOLUMES),
    notBeside('lv', 'gate', ONLY_DIRECTORIES),
  )
  .transform(({ lv: volume, path, snapshot: room, mount: attempts, gate: wait, ...common }) =>
    volume
      ? {
          ...common,
          kind: 'lv' as const,
          ...volume,
          snapshot: room ?? snapshot.parse({}),
          mount: attempts ?? mount.parse({}),
        }
      : { ...common, kind: 'path' as const, path: path ?? '', gate: wait ?? copyGate.parse({}) },
  )

/** Each has a snapshot, an rsync and its disk to itself. */
const mostInParallel = 16

export const targetSchema = z.strictObject({
  path: pathBelowRoot.describe(
    'Where the mirrors and archives live. `%h` is the name of this host, as it was when the target was adopted; `%%` is a percent sign.',
  ),
  mounts: z
    .array(
      z.strictObject({
        device: device.describe('What is mounted.'),
        at: pathBelowRoot.describe('Where: at the path of the target, above it, or below it.'),
        type: fileSystem.exactOptional(),
        options: z.array(mountOption).exactOptional(),
      }),
    )
    .default([])
    .describe('File systems to mount for a run, parents first; none if the path is always there.'),
  parallel: z
    .int({ error: 'a whole number' })
    .min(1, '1 or more')
    .max(mostInParallel, `${mostInParallel} at most`)
    .default(1)
    .describe(
      'How many of its sources are backed up at the same time. More than one pays where they lie on different disks; those of different targets are side by side in any case.',
    ),
})

/** The highest level of each compression, and the one it takes by default. */
const LEVELS = {
  zstd: { max: 19, normal: 3 },
  gzip: { max: 9, normal: 6 },
  none: { max: 0, normal: undefined },
}

/** The keys of `archive`, each by itself. */
export const archiveFields = z.strictObject({
  target: targetReference.describe('The target that gets the folders Monday to Sunday.'),
  compression: z.enum(['zstd', 'gzip', 'none']).default('zstd'),
  level: z
    .int({ error: 'a whole number' })
    .exactOptional()
    .describe('zstd: 1 to 19, default 3. gzip: 1 to 9, default 6.'),
  daily: kept(1, 366)
    .exactOptional()
    .describe(
      'For how many days there are archives; 7 unless given. Of more than seven, the older ones lie in `kept`; of fewer, the folders of the other weekdays are emptied.',
    ),
  keep: keep
    .exactOptional()
    .describe(
      'What is kept longer than that, in the folder `kept` of the target. Counted from the newest good archive.',
    ),
})

const archiveSchema = archiveFields
  .check(
    beside<z.output<typeof archiveFields>>(({ compression, level }, { addIssue }) => {
      if (!Number.isInteger(level) || !Object.hasOwn(LEVELS, compression)) return
      const { max } = LEVELS[compression]
      if (level === undefined || (level >= 1 && level <= max)) return
      const message = max > 0 ? `a level from 1 to ${max} for ${compression}` : 'no level without compression'
      addIssue({ code: 'custom', path: ['level'], message })
    }),
  )
  .transform((archive) => {
    const level = archive.level ?? LEVELS[archive.compression].normal
    return level === undefined ? archive : { ...archive, level }
  })

const sourcesSchema = z.record(sourceName, sourceSchema)

export const configSchema = z.strictObject(
  {
    sources: sourcesSchema.refine((sources) => Object.keys(sources).length > 0, {
      error: 'at least one source',
    }),
    targets: z.record(targetName, targetSchema),
    archive: archiveSchema.exactOptional().describe('Weekday archives; none without it.'),
    copies: z
      .record(targetName, copySchema)
      .exactOptional()
      .describe('Other places that get a copy of each finished archive; none without it.'),
    vault: vaultSchema
      .exactOptional()
      .describe('This machine takes copies of archives from other hosts; it does not, without it.'),
    fleet: fleetSchema
      .exactOptional()
      .describe(
        'Many servers, one view: this machine tells a hub how its backups stand, or is the hub; neither without it.',
      ),
    notify: z.array(notifySchema).default([]).describe('Who is told how a run went.'),
    alert: z
      .strictObject({
        after: duration(60_000, 100 * 365 * 86_400_000, '36h')
          .prefault('36h')
          .describe('How long a source may go without a success before `run.overdue` tells of it.'),
      })
      .prefault({}),
    state: absolutePath.default(defaultState).describe('Folder of the event store.'),
    keep: duration(86_400_000, 100 * 365 * 86_400_000, '90d')
      .prefault('90d')
      .describe('How long the record of a run is kept.'),
    restore: z
      .strictObject({
        keepUndo: duration(3_600_000, 100 * 365 * 86_400_000, '7d')
          .prefault('7d')
          .describe('How long what a restore in place has replaced or deleted is kept beside it.'),
      })
      .prefault({}),
    verify: z
      .strictObject({
        budget: duration(1000, 30 * 86_400_000, '30m')
          .exactOptional()
          .describe('How long each time may take; no limit unless given.'),
        bytes: byteCount
          .exactOptional()
          .describe('How much is read each time at most, such as 50G; no limit unless given.'),
        every: duration(3_600_000, 365 * 86_400_000, '1d')
          .prefault('1d')
          .describe('How often it is done: after a backup, once that long has passed.'),
      })
      .exactOptional()
      .describe('Backups are read again, and proven to be what was written; not unless given.'),
    drill: z
      .strictObject({
        every: duration(3_600_000, 100 * 365 * 86_400_000, '1w')
          .prefault('1w')
          .describe('How often a drill is made, after a night.'),
        sample: z
          .int({ error: SAMPLE })
          .min(1, SAMPLE)
          .max(1000, SAMPLE)
          .default(50)
          .describe('How many entries of each source are restored, chosen at random.'),
        whole: z
          .enum(['rotate', 'none'])
          .default('rotate')
          .describe('`rotate`: in each drill another source is restored whole.'),
        scratch: absolutePath.describe(
          'The folder that is restored into; what a drill makes there is removed.',
        ),
        volume: z
          .strictObject({
            vg: volumeGroup.describe('The volume group that it is made in.'),
            size: byteCount.describe('How large it is: room for the largest source.'),
          })
          .transform(({ vg, size: sizeBytes }) => ({ vg, sizeBytes }))
          .exactOptional()
          .describe('A volume that is made for each restore of a drill, mounted at `scratch`, and removed.'),
      })
      .exactOptional()
      .describe('Restores that are made to prove that they work; none without it.'),
    limits: z
      .strictObject({
        read: byteRate
          .exactOptional()
          .describe(
            'How much each copy, archive and `verify` reads in a second, such as 50M; as much as it can unless given.',
          ),
      })
      .prefault({}),
    functions: absolutePath.default('/etc/hdsync/functions').describe('Folder of functions of your own.'),
    guests: z
      .strictObject({
        memory: memorySize
          .prefault('256M')
          .describe('Memory that the process of functions of your own may take, before it is ended.'),
      })
      .prefault({}),
    http: httpSchema.exactOptional().describe('How others talk to the daemon.'),
  },
  { error: ({ code }) => (code === 'invalid_type' ? 'a map with the keys sources and targets' : undefined) },
)

/**
 * With `vault`, and on the hub of a fleet, what is backed up may be left out: a machine that takes copies from others, or is told by them, need
 * not have anything of its own.
 */
export const vaultConfigSchema = configSchema.extend({
  sources: sourcesSchema.default({}),
  targets: configSchema.shape.targets.default({}),
})
