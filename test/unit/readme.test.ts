import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'

const root = join(import.meta.dirname, '../..')
const lab = (name: string) => `test/lab/${name}.ts`

/** For each line of the table in deploy/docs/protection.md the tests that make it happen: a file, and titles in it. */
const proofs: Record<string, [file: string, ...titles: string[]][]> = {
  'a snapshot cannot be mounted': [
    [
      lab('attempts/attempts.test'),
      'are taken anew until one can be mounted',
      'fail the source once all attempts are used up',
    ],
  ],
  'the mount point is empty': [
    [
      lab('refusals/proofs'),
      'when its snapshot is not mounted after all, is another one, or has lost its mark',
    ],
  ],
  'the backup disk is missing': [
    [lab('refusals/proofs'), 'its sources fail, and the reason is told', 'writes to none of the disks'],
  ],
  'somebody deleted everything': [
    ['test/unit/runtime/cli/commands/held.test.ts', 'lets go on what is held, once it has shown it'],
    [lab('refusals/limits.nightly'), 'until the source is released'],
  ],
  'somebody rewrites most': [
    [
      'test/unit/runtime/cli/proof/max-change.test.ts',
      'more than the figure is held before a byte is copied',
      'both limits are passed in one night',
    ],
    ['test/unit/runtime/cli/proof/unusual.test.ts', 'what is from before it stays until it is released'],
  ],
  'the disk below a directory': [
    [lab('refusals/limits.nightly'), 'a directory whose disk is not mounted'],
    ['test/unit/functions/deletions.test.ts', 'is held, whatever the numbers, and both are named'],
  ],
  'a snapshot fills up': [[lab('overflow/overflow.test'), 'is made larger while it is read']],
  'a snapshot overflows': [
    [lab('overflow/overflow.test'), 'is replaced by a larger one'],
    ['test/unit/functions/night.test.ts', 'nothing of the first copy is recorded as good'],
    [
      lab('overflow/overflow.nightly.test'),
      'is replaced by a larger one, again and again',
      'taught `auto` how much room',
    ],
  ],
  'a thin pool': [
    ['test/unit/runtime/host/lvm/pool.test.ts', 'refuses a snapshot for its', 'is given up while it is read'],
  ],
  'rsync could not copy everything': [
    [lab('refusals/failures'), 'a mirror that could not be written, and makes no archive of it'],
    ['test/unit/functions/night.test.ts', 'an archive that cannot be written fails its source'],
    [lab('refusals/failures.nightly'), 'an archive that did not fit, and keeps that of last week'],
  ],
  'the backup disk fails': [
    [lab('disks/disks.test'), 'that vanishes fails what is copied there'],
    [lab('disks/disks.nightly.test'), 'that turns read-only fails what is copied there'],
  ],
  'an archive is torn': [[lab('refusals/failures'), 'an archive that does not read back as it was written']],
  'an earlier archive, which': [
    ['test/unit/runtime/host/archive/archive-reuse.test.ts', 'takes none that %s, and says so'],
    ['test/unit/functions/unchanged.test.ts', 'that is damaged is told of, and another one written'],
  ],
  'a copy is left out': [
    ['test/unit/runtime/host/untouched.test.ts', 'of a change in the %s', '%s is seen'],
    ['test/unit/functions/unchanged.test.ts', 'one is made all the same where %s', 'after a week'],
    [lab('times/times.nightly.test'), 'then no copy is made, unless reiserfs keeps access lists'],
  ],
  'two disks take turns': [
    [
      'test/unit/runtime/host/archive/archive-reuse.test.ts',
      'is of another mirror',
      'is of a mirror to which a copy was begun',
    ],
    ['test/unit/runtime/host/mirror/mirrors.test.ts', 'is not that of another mirror with the same in it'],
    [
      'test/unit/functions/unchanged.test.ts',
      'a disk that takes turns with another is compared by its contents after a crash',
    ],
  ],
  'the disk of the state directory': [
    ['test/contract/full-disk-run.test.ts', 'whose state disk is filled in the middle is ended'],
    [lab('disks/disks.nightly.test'), 'of the state directory that is full ends the run'],
  ],
  'a snapshot of somebody else': [
    [lab('refusals/limits'), 'a volume that has the name of its snapshot, whatever its tags say'],
  ],
  'lvcreate itself': [
    [lab('stops/cut'), 'leaves no live volume suspended when somebody kills it'],
    [lab('stops/cut.nightly'), 'leaves it not suspended when it and its hdsync'],
    [lab('refusals/limits'), 'a volume that has the name of its snapshot, whatever its tags say'],
  ],
  'two runs at once': [
    ['test/unit/runtime/cli/commands/serve.test.ts', 'while a run is going on, another one is not begun'],
    [lab('refusals/failures.nightly'), 'while another one is at work'],
    [lab('stops/killed.nightly'), 'has one run of several that are started at once'],
    [
      'test/unit/runtime/core/bus/sqlite/database.test.ts',
      'is had by one of two that ask in the same moment',
    ],
  ],
  'Ctrl-C, SIGTERM': [
    [
      lab('stops/cancelled'),
      'ends rsync in the middle of a file',
      'takes a Ctrl-C in the terminal, which goes to the whole foreground group',
    ],
    ['test/unit/runtime/cli/commands/serve.test.ts', 'a daemon that is stopped ends its run in order'],
    [
      lab('stops/cancelled.nightly'),
      'ends tar and zstd with half an archive written',
      'puts things in order when the terminal goes away',
    ],
  ],
  'hdsync is killed': [
    ['test/unit/runtime/cli/programs.test.ts', 'a program that a killed hdsync has left is ended'],
    [lab('stops/cut'), 'is put in order after a power cut'],
    [
      lab('stops/killed.nightly'),
      'which has it end before anything else',
      'may be killed again while it puts things in order',
    ],
  ],
  'the power fails': [
    [lab('stops/cut'), 'is put in order after a power cut'],
    [lab('torture/torture.nightly.test'), 'after a power cut'],
    [lab('times/times.test'), 'as the power failed, is found by its contents'],
    ['test/system/service.nightly.test.ts', 'knows an orderly shutdown from a power cut'],
  ],
  'a file is written once more': [
    ['test/unit/runtime/host/mirror/mirrors.test.ts', 'copies what was written then, in whatever it differs'],
    [lab('times/times.nightly.test'), 'as it was written again in the second in which it was copied'],
  ],
  'hdsync is upgraded': [
    [
      'test/unit/deploy/upgrade.test.ts',
      'a run whose files an upgrade has taken away ends well',
      'ends the run that is going on, answers meanwhile, and tells who is to be told',
    ],
    ['test/system/service.nightly.test.ts', 'loses nothing when it is upgraded in the middle of a run'],
  ],
  'single entries cannot be copied': [
    [
      'test/unit/runtime/host/mirror/rsync.test.ts',
      'copies the rest where excluded files keep a folder from becoming a link',
      'copies the rest where a path is too long',
    ],
    ['test/unit/functions/night.test.ts', 'is good otherwise, and is archived'],
  ],
  'the backup disk is full': [
    [
      'test/unit/functions/unchanged.test.ts',
      'what an archive holds is deleted first, where that makes the room',
      'nothing is deleted where no archive holds what the mirror has',
    ],
  ],
  'a user swaps a folder for a link': [
    ['test/unit/runtime/host/mount/views.test.ts', 'leads nowhere else'],
    [lab('refusals/swaps.nightly'), 'a rsync that opens by its path', 'a snapshot, in which nobody can'],
  ],
  'a hook is at work': [
    ['test/unit/runtime/host/notify/earlier-hook.test.ts', 'is waited for before its event is told again'],
  ],
  'the clock is set back': [['test/contract/clock-set-back.test.ts', 'waits for no longer than its delay']],
  'a file is given its old time again': [
    [lab('times/times.nightly.test'), 'as it was set back after a change on either side'],
    ['test/unit/runtime/host/mirror/mirrors.test.ts', 'is compared by contents where it was changed in %s'],
  ],
  'a disk loses or alters what lies on it': [
    [lab('times/times.nightly.test'), 'as its disk has lost what was in it, is found within a week'],
    ['test/unit/functions/unchanged.test.ts', 'compares a share of all files by contents once a week'],
  ],
  'a directory holds another file system': [
    [
      lab('whole-night/whole-night.nightly.test'),
      'tells what lies in a directory and is in no backup, and what it hides',
    ],
    ['test/unit/functions/night.test.ts', 'times that its target cannot hold'],
    [
      'test/unit/runtime/host/mirror/coverage.test.ts',
      'names a file system that lies in a source and in no other',
    ],
  ],
  'a target lies in its own source': [
    ['test/unit/runtime/config/problems.test.ts', 'clashes with another one of the same volume'],
    ['test/unit/runtime/host/mount/apart.test.ts', 'refuses one on the volume itself'],
    ['test/lab/refusals/proofs.nightly.ts', 'as it lies in its own source, or its mirror is a link'],
  ],
  'a mirror is a link': [
    [
      'test/unit/runtime/host/mount/apart.test.ts',
      'ask for a mirror that is no link',
      'on the disks that were proven',
    ],
  ],
  'two hosts with the same names': [
    [
      'test/unit/runtime/host/target/claims.test.ts',
      'refuses what is another store’s, and says whose and since when',
    ],
    [
      'test/unit/functions/night.test.ts',
      'a mirror of another host fails its source before a snapshot is taken',
    ],
    ['test/unit/runtime/cli/commands/target.test.ts', 'makes a folder for this host, and keeps to it'],
  ],
  'a volume holds LUKS': [
    ['test/unit/runtime/host/lvm/volume-content.test.ts', 'which no second trial changes'],
    ['test/lab/refusals/proofs.ts', 'when nothing could be mounted from its snapshot'],
  ],
  'a database is to stand still': [
    [lab('gates/gates.test'), 'makes the mirror show that moment'],
    ['test/contract/gate-kill.test.ts', 'a gate is closed though hdsync is killed while it is open'],
    [lab('gates/gates.nightly.test'), 'lets the writer go when hdsync is killed'],
  ],
  'a function or the config could be written': [
    [lab('refusals/failures.nightly'), 'functions that others could have written'],
    ['test/unit/runtime/config/trust.test.ts', 'refuses root a file of somebody else'],
  ],
}

const rows = readFileSync(join(root, 'deploy/docs/protection.md'), 'utf8')
  .split('\n## ')[0]
  ?.split('\n')
  .filter((line) => line.startsWith('| '))
  .slice(1)
  .map((line) => line.slice(2)) as string[]

test('each line of the table has a test that makes it happen', () => {
  const unproven = rows.filter((row) => !Object.keys(proofs).some((begin) => row.startsWith(begin)))
  const untold = Object.keys(proofs).filter((begin) => !rows.some((row) => row.startsWith(begin)))
  expect({ unproven, untold }).toEqual({ unproven: [], untold: [] })
})

test('each line of the table has one that every push runs', () => {
  const nightly = ([file]: [string, ...string[]]) => file.includes('.nightly.')
  expect(Object.keys(proofs).filter((row) => proofs[row]?.every(nightly))).toEqual([])
})

test.each(Object.values(proofs).flat())('%s has the tests that the table relies on', (file, ...titles) => {
  const code = readFileSync(join(root, file), 'utf8')
  expect(titles.filter((title) => !code.includes(title))).toEqual([])
})
