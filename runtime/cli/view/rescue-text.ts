import { disksNeeded, type RescuePlan } from '../../backup/rescue/plan.ts'
import type { FreshDisk } from '../../host/machine/fresh-disks.ts'
import type { MachineRecord } from '../../host/machine/record.ts'
import type { RescueJournal } from '../../host/machine/rescue-journal.ts'
import { localMinute } from '../../instant.ts'
import { formatBytes } from '../../units.ts'
import { table } from '../table.ts'
import { stepText } from './step-text.ts'

/** What a rescue would do, and what prevents it. */
export interface Proposal {
  record: MachineRecord
  disks: RescueJournal['disks']
  here: readonly FreshDisk[]
  plan: RescuePlan
  problems: string[]
}

/** What prevents a rescue, each on its line. */
export function problemsText(problems: readonly string[]): string {
  return problems.map((problem) => `in the way: ${problem}\n`).join('')
}

/** As `--json` prints it. */
export function proposalJson({ record, disks, here, plan, problems }: Proposal) {
  const { host, recordedAt } = record
  return {
    host,
    recordedAt,
    goesOn: false,
    disks,
    here,
    problems,
    steps: plan.steps.map(told),
    notes: plan.notes,
  }
}

export function told({ why, argv, input }: RescuePlan['steps'][number]) {
  return { why, argv, ...(input !== undefined && { input }) }
}

/** For a person: which disk takes the place of which, and every command unless it is about to be done. */
export function proposalText(
  { record, disks, here, plan, problems }: Proposal,
  { execute: doIt }: { execute?: boolean },
  width: number | undefined,
): string {
  const rows = disksNeeded(record).map((old) => {
    const to = disks.find((one) => one.old === old.path)
    const found = here.find(({ path }) => path === to?.now)
    return [
      old.path,
      formatBytes(old.sizeBytes),
      old.model ?? '-',
      to?.now ?? '?',
      to ? formatBytes(to.sizeBytes) : '-',
      found?.signatures.join(', ') || '-',
    ]
  })
  const idle = here.filter(({ path }) => !disks.some(({ now }) => now === path))
  return [
    `${record.host} as it was on ${localMinute(Date.parse(record.recordedAt))} (${record.system})\n`,
    table([['OLD DISK', 'SIZE', 'MODEL', 'NOW', 'SIZE', 'ON IT NOW'], ...rows], width),
    ...idle.map(
      ({ path, sizeBytes, taken }) =>
        `not used: ${path} (${formatBytes(sizeBytes)})${taken === undefined ? '' : `, ${taken}`}\n`,
    ),
    '\n',
    problemsText(problems),
    ...(doIt
      ? []
      : ['# nothing has been done; with --execute this is:\n', ...plan.steps.map(stepText), '\n']),
    ...(doIt ? [] : plan.notes.map((note) => `- ${note}\n`)),
  ].join('')
}
