import { expect } from 'vitest'
import type { DataOf, sourceSynced } from '../../../events/index.ts'
import type { Night, Setting } from '../night.ts'

/** Two file systems by way of snapshots, a directory, disks that are mounted for the night, and an archive. */
export const planned: Setting = {
  server: {
    volumes: [
      { name: 'lv_var', fs: 'reiserfs', size: '64M', at: '/srv/var' },
      { name: 'lv_home', fs: 'ext3', size: '48M', at: '/srv/home' },
    ],
  },
  group: 400,
  disks: [96, 200, 100],
  prepare: `
    mke2fs -q -t ext3 /dev/vdb; mke2fs -q -t ext4 -U 3c1e8c1a-0001-4a1e-9d6e-0123456789ab /dev/vdc
    mke2fs -q -t ext4 -L spare /dev/vdd
    mkdir -p /mnt/hdd1 /mnt/hdd9 /srv/plain
    for at in /srv/{var,home,plain}; do mkdir -p $at/cache; echo one > $at/one; echo two > $at/cache/two; done
    hdsync target adopt --all`,
  config: `
sources:
  var: { lv: vg01/lv_var, target: hdd1, exclude: [/cache/, it's] }
  home: { lv: vg01/lv_home, target: hdd1, snapshot: { size: 24M } }
  plain: { path: /srv/plain, target: hdd1 }
targets:
  hdd1: { path: /mnt/hdd1, mounts: [{ device: /dev/vdb, at: /mnt/hdd1, type: ext3 }] }
  hdd9: { path: /mnt/hdd9, mounts: [{ device: UUID=3c1e8c1a-0001-4a1e-9d6e-0123456789ab, at: /mnt/hdd9 }] }
archive: { target: hdd9 }
`,
}

interface Step {
  event: string
  source: string | null
  argvs: string[][]
  unlessUnchanged?: true
  unlessNeedless?: true
  ifWritten?: true
  ifDoubtful?: true
}
interface Command {
  event: string
  source: string | null
  argv: string[]
  onlyLooks: boolean
}

/** What is planned. */
export async function plan(night: Night): Promise<{ run: string; steps: Step[] }> {
  return JSON.parse(await night.machine.ok('hdsync plan --json'))
}

async function journal(night: Night): Promise<{ run: string; commands: Command[] }> {
  return JSON.parse(await night.machine.ok('hdsync show --json --commands'))
}

/** Holds what was planned equal to what a run then did. */
export async function expectTruth(night: Night): Promise<{
  planned: string[]
  done: string[]
  dry: string[]
  unchanged: string[]
}> {
  const before = await plan(night)
  const text = await night.machine.ok('hdsync plan')
  const { code } = await night.run()
  expect(code).toBe(0)
  const after = await journal(night)
  const synced = (await night.machine.ok('hdsync events --run last --type source.synced --json')).split('\n')
  const data = synced.map((line) => JSON.parse(line).data as DataOf<typeof sourceSynced>)
  const unchanged = data.flatMap(({ source, unchanged }) => (unchanged ? [source] : []))
  const needless = data.flatMap(({ source, left, read }) => (left?.compared === read?.from ? [] : [source]))
  const intended = before.steps
    .filter(({ ifWritten, ifDoubtful }) => !ifWritten && !ifDoubtful)
    .filter(({ unlessUnchanged, source }) => !unlessUnchanged || !unchanged.includes(source ?? ''))
    .filter(({ unlessNeedless, source }) => !unlessNeedless || !needless.includes(source ?? ''))
    .flatMap(({ argvs, ...of }) => argvs.map((argv) => ({ ...of, argv })))
  // What was written while it was copied is a matter of chance.
  const ran = after.commands.filter(({ onlyLooks, argv }) => !onlyLooks && !argv.includes('--from0'))
  const dry = ran.filter(({ argv }) => argv.includes('--dry-run'))
  const done = ran.filter((command) => !dry.includes(command))
  for (const archives of [false, true]) {
    const lines = (of: { event: string; source: string | null; argv: string[] }[], run: string) =>
      of
        .filter(({ event }) => (event === 'archive.weekly') === archives)
        .map((command) => comparable(command, run))
    expect(lines(intended, before.run)).toEqual(lines(done, after.run))
  }
  // Names alone may not tell that not too much would be deleted: then, and as it was said, there is a dry run.
  const doubtful = before.steps.flatMap(({ argvs, ifDoubtful, ...of }) =>
    ifDoubtful ? argvs.map((argv) => comparable({ ...of, argv }, before.run)) : [],
  )
  expect(doubtful).toEqual(expect.arrayContaining(dry.map((command) => comparable(command, after.run))))
  expect(text.split('\n')).toHaveLength(before.steps.length)
  const words = (commands: Command[]) => commands.map(({ argv }) => argv.join(' '))
  return { planned: text.split('\n'), done: words(done), dry: words(dry), unchanged }
}

/**
 * A command without what cannot be known before: the run's own id, and before the first run that of the event store,
 * and how many deletions the mirror permits. Commands that only look are in neither, and archives are compared
 * among themselves: they are written beside what follows.
 */
function comparable(
  { event, source, argv }: { event: string; source: string | null; argv: string[] },
  run: string,
) {
  const words = argv.map((word) =>
    word
      .replaceAll(run, 'RUN')
      .replace(/(hdsync\.store=|\/run\/hdsync\/)[\w-]+/, '$1STORE')
      .replace(/^--max-delete=(?!0$).*/, '--max-delete=N'),
  )
  return `${event} ${source ?? '-'}: ${words.join(' ')}`
}
