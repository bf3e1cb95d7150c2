import {
  archiveWeekly,
  mirrorFlush,
  snapshotCleanup,
  snapshotCreate,
  snapshotMount,
  snapshotTake,
  sourceNext,
  sourcePrepare,
  syncRun,
  targetOpen,
} from '../../../events/index.ts'
import type { Source } from '../../config/config.ts'
import { noFileSystem, unknownToKernel } from '../../host/lvm/volume-content.ts'
import { complaintsOf, type RsyncErrorKind } from '../../host/mirror/rsync-errors.ts'
import { noRuntimeRoom } from '../../host/mount/runtime-room.ts'
import type { Failure } from './failure.ts'

/** A failure, and what the config says of its source. */
export interface Case extends Failure {
  source: Source
  /** Where its archives lie; undefined without any. */
  archivesAt: string | undefined
  /** Where its mirror lies. */
  mirrorAt: string
  /** Whether its `maxDelete` is what the hub of the fleet has set. */
  isLimitOfHub?: boolean
}

interface Remedy {
  /** The kind of failure; the first that applies counts. */
  applies(failure: Case): boolean
  /** What a person does about it, in this order; what begins with `$ ` is a command. */
  steps(failure: Case): string[]
}

/** What to do about each kind of failure, the particular ones first. */
const remedies: readonly Remedy[] = [
  {
    applies: ({ state, reason }) => state === 'held' && reason.startsWith('lies on '),
    steps: ({ source }) => [
      'See whether everything is mounted where it should be:',
      `$ findmnt --target ${source.kind === 'path' ? source.path : source.name}`,
      'If it lies on another file system on purpose, see what would go, and let it go on:',
      `$ hdsync show --held ${source.name}`,
      `$ hdsync release ${source.name}`,
    ],
  },
  {
    applies: ({ state, reason }) => state === 'held' && reason.startsWith('would change '),
    steps: ({ source }) => [
      'See what would be changed:',
      `$ hdsync show --held ${source.name}`,
      'If somebody meant to rewrite so many files, let it go on:',
      `$ hdsync release ${source.name}`,
      'If not, find out who did before anything else: the mirror still has them as they were.',
      `If that many change every night, raise sources.${source.name}.maxChange.`,
    ],
  },
  {
    applies: ({ state }) => state === 'held',
    steps: ({ source, isLimitOfHub }) => [
      'See what would go:',
      `$ hdsync show --held ${source.name}`,
      'If all that was deleted on purpose, let it go on:',
      `$ hdsync release ${source.name}`,
      'If not, the mirror still has them: copy them back before anything else.',
      isLimitOfHub
        ? 'The hub has set that limit: `hdsync fleet config` says so, and takes it back on the hub.'
        : `If that many go every night, raise sources.${source.name}.maxDelete.`,
    ],
  },
  {
    applies: ({ state }) => state === 'cancelled',
    steps: ({ source }) => ['Nothing is wrong with it: somebody ended the run. Run it again:', run(source)],
  },
  {
    // The words of InterruptedError.
    applies: ({ reason }) => reason.startsWith('interrupted: '),
    steps: ({ source }) => [
      'Find out why hdsync or the machine stopped in the middle:',
      '$ journalctl --boot=-1 --priority=warning --pager-end',
      'Then run it again; what was copied before is not copied twice:',
      run(source),
    ],
  },
  {
    applies: ({ step, overflowed }) => step === syncRun.type && overflowed > 0,
    steps: ({ source }) => [
      `More is written to it during a copy than its snapshot may take: raise sources.${source.name}.snapshot.max (or .size), or back it up at a quieter hour.`,
      ...freeExtents(source),
    ],
  },
  {
    applies: ({ step, refused }) => step === snapshotMount.type && refused > 0,
    steps: ({ source }) => [
      'A journal in mid-air mounts on one of the next attempts as a rule. If none does night after night, its file system may be damaged: check it the next time that it is unmounted:',
      ...(source.kind === 'lv' ? [`$ fsck -n /dev/${source.vg}/${source.lv}`] : []),
      `More attempts help where it is only busy: sources.${source.name}.mount.attempts.`,
    ],
  },
  {
    applies: ({ reason }) => reason.includes(noRuntimeRoom),
    steps: ({ source }) => [
      'It is not the backup disk that is full, but where a run notes what it mounts. See what takes the room there:',
      '$ df -h /run && df -i /run',
      '$ du --one-file-system --max-depth=2 /run',
      run(source),
    ],
  },
  {
    // The words of proveApart: nothing is wrong with the disk.
    applies: ({ step, reason }) => step === targetOpen.type && reason.includes(': not synced'),
    steps: ({ source }) => [
      'Nothing was copied, as the source and its mirror would lie in each other, or the mirror somewhere else. Put right what is named above, then:',
      '$ hdsync check',
      run(source),
    ],
  },
  {
    applies: ({ step }) => step === targetOpen.type,
    steps: ({ source }) => [
      'See that the backup disk is plugged in, healthy and the right one; `check` names what is wrong with it:',
      '$ hdsync check',
      `If it is a new disk: hdsync target adopt ${source.target}`,
    ],
  },
  {
    // The words of UnmountableError.
    applies: ({ step, reason }) =>
      step === snapshotCreate.type && (reason.includes(noFileSystem) || reason.includes(unknownToKernel)),
    steps: ({ source }) => [
      'No snapshot was taken, as none could be mounted. See what the volume holds, and back that up by what is named above:',
      ...(source.kind === 'lv' ? [`$ blkid --probe /dev/${source.vg}/${source.lv}`] : []),
      '$ hdsync check',
    ],
  },
  {
    // LVM was not even asked: a function at the gate held it up.
    applies: ({ step, command }) => step === snapshotTake.type && command === undefined,
    steps: ({ source, run }) => [
      'A function of your own did not get it ready for its snapshot in time. See what it did, and try it by itself:',
      `$ hdsync show ${run}`,
      '$ hdsync functions',
      `It may take longer with sources.${source.name}.snapshot.gate.timeout; with onTimeout: take-anyway the snapshot is taken anyway.`,
    ],
  },
  {
    applies: ({ step, command }) => step === sourcePrepare.type && command === undefined,
    steps: ({ source, run }) => [
      'A function of your own did not get it ready for its copy in time. See what it did, and try it by itself:',
      `$ hdsync show ${run}`,
      '$ hdsync functions',
      `It may take longer with sources.${source.name}.gate.timeout; with onTimeout: copy-anyway it is copied anyway.`,
    ],
  },
  {
    applies: ({ step }) =>
      (
        [snapshotCreate.type, snapshotTake.type, snapshotMount.type, snapshotCleanup.type] as string[]
      ).includes(step),
    steps: ({ source }) => [
      'See what LVM has to say, and whether there is room for a snapshot:',
      ...freeExtents(source),
      '$ hdsync check',
    ],
  },
  {
    applies: (failure) => failure.step === syncRun.type && copyRemedyOf(failure) !== undefined,
    steps: (failure) => copyRemedyOf(failure)?.(failure) ?? [],
  },
  {
    applies: ({ step, command }) => step === syncRun.type && command?.exitCode === 23,
    steps: () => [
      'Some files could not be copied: rsync names them above, or `show` does. Look for errors of the disks:',
      '$ dmesg --level=err,warn | tail',
      '$ hdsync show',
    ],
  },
  {
    applies: ({ step, command }) =>
      step === syncRun.type && [10, 12, 30, 35].includes(command?.exitCode ?? 0),
    steps: ({ source }) => ['rsync was broken off, which may not happen again:', run(source)],
  },
  {
    applies: ({ step, command }) => step === syncRun.type && command === undefined,
    steps: ({ source }) => [
      'It was not copied, as it did not look right: copying it might have spoiled the mirror. Put right what is named above, then:',
      '$ hdsync check',
      run(source),
    ],
  },
  {
    applies: ({ step }) => step === mirrorFlush.type,
    steps: ({ source, mirrorAt }) => [
      'What was copied may not be on the backup disk: it is failing, its cable is loose, or it was taken out. See what the kernel says, then copy again; contents are compared:',
      '$ dmesg --level=err,warn | tail',
      `$ findmnt --target ${mirrorAt}`,
      run(source),
    ],
  },
  {
    applies: ({ step, command }) => step === archiveWeekly.type && isFull(command),
    steps: ({ archivesAt }) => [
      'The disk of the archives is full: make room on it:',
      `$ df -h ${archivesAt ?? ''}`.trim(),
    ],
  },
  {
    applies: ({ step }) => step === archiveWeekly.type,
    steps: ({ source }) => [
      'The mirror is good, its archive is not. See that the disk of the archives is healthy, then:',
      '$ hdsync check',
      run(source),
    ],
  },
  {
    applies: ({ step }) => step === sourceNext.type,
    steps: ({ source }) => ['Its turn did not come. Run it by itself:', run(source)],
  },
  {
    applies: () => true,
    steps: ({ run }) => [
      'Look at all that happened, and at what may be wrong now:',
      `$ hdsync show ${run}`,
      '$ hdsync check',
    ],
  },
]

/** What to do about each kind of error of a copy that is known. */
const copyRemedies: Partial<Record<RsyncErrorKind, (failure: Case) => string[]>> = {
  io: () => [
    "A disk is failing, or its cable: the source's or the backup's, the kernel says which. Save what can still be read:",
    '$ dmesg --level=err,warn | tail',
    '$ smartctl --all /dev/DISK',
  ],
  'read-only': ({ mirrorAt }) => [
    'The file system of the backup disk is read-only; the kernel does that after errors. Unmount it and check it:',
    '$ dmesg --level=err,warn | tail',
    `$ findmnt --target ${mirrorAt}`,
  ],
  'no-space': ({ mirrorAt, source }) => [
    'The backup disk is full: make room on it, or exclude what need not be kept:',
    `$ df -h ${mirrorAt}`,
    'If a large file has only moved, its old place makes the room: it goes first where an archive of the mirror holds it. Without one, delete it in the mirror by hand, then:',
    run(source),
  ],
  'no-inodes': ({ mirrorAt }) => [
    'The backup disk has room, but no inodes left for more files. Exclude folders of many small files, or make its file system anew with more of them (mkfs.ext4 -i 8192):',
    `$ df -i ${mirrorAt}`,
  ],
  quota: ({ mirrorAt }) => [
    'A quota on the backup disk is used up. Quotas count root too where a project has one; raise it, or make room:',
    `$ repquota --human-readable --all; df -h ${mirrorAt}`,
  ],
  'file-too-large': ({ source, mirrorAt }) => [
    `A file is larger than the file system of the backup disk can hold (4 GiB on vfat). Exclude it under sources.${source.name}.exclude, or use ext4 or XFS:`,
    `$ findmnt --target ${mirrorAt}`,
  ],
  'no-attributes': ({ source }) => [
    'The backup disk keeps no access lists or extended attributes as it is mounted. Reiserfs, ext2 and ext3 need options for that:',
    `targets.${source.target}.mounts: add options: [acl, user_xattr]`,
    'vfat, exFAT and most network shares have none: use ext4, XFS or btrfs there.',
    '$ hdsync check',
  ],
  'not-permitted': ({ mirrorAt }) => [
    'Something in the mirror may not be changed even by root: it is immutable (chattr +i), or the backup disk knows no owners. The message names it:',
    `$ lsattr -R ${mirrorAt} 2>/dev/null | grep -e '----i' -e '-----a'`,
    `$ findmnt --target ${mirrorAt}`,
  ],
  'no-access': ({ source }) => [
    'Something may not be read or written by this user. Run hdsync as root; a network share (root_squash) or a FUSE mount may refuse root too: exclude it.',
    `sources.${source.name}.exclude`,
    '$ hdsync show',
  ],
  stale: () => [
    'A network share was replaced or restarted on its server: mount it anew, then run it again.',
    '$ findmnt --types nfs,nfs4,cifs',
  ],
  memory: () => [
    'rsync ran out of memory: some kilobytes for each thousand files with many hard links. See who takes it:',
    '$ journalctl --boot --grep="out of memory" --pager-end',
    '$ free -h',
  ],
}

/** By what was found out when it failed; before that was noted, by what stands on record of the command. */
function copyRemedyOf({ cause, command }: Case): ((failure: Case) => string[]) | undefined {
  if (cause !== undefined) return copyRemedies[cause as RsyncErrorKind]
  if (command?.argv[0] !== 'rsync') return undefined
  const kinds = complaintsOf(command.stderr).kinds.map(({ kind }) => kind)
  const first = (['io', 'read-only', 'no-space', 'quota'] as const).find((kind) => kinds.includes(kind))
  return copyRemedies[first ?? kinds.find((kind) => kind !== 'unknown') ?? 'unknown']
}

/** What to do about a failure. */
export function remedyFor(failure: Case): string[] {
  return remedies.find(({ applies }) => applies(failure))?.steps(failure) ?? []
}

function run({ name }: Source): string {
  return `$ hdsync run ${name}`
}

function freeExtents(source: Source): string[] {
  return source.kind === 'lv' ? [`$ vgs ${source.vg}`] : []
}

/** rsync, tar and the compressors all pass on the words of the C library. @see strerror(3) */
function isFull(command: Failure['command']): boolean {
  return /No space left on device|Disk quota exceeded/.test(command?.stderr ?? '')
}
