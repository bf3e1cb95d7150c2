import type { EventDefinition } from './define.ts'
import type { runEnds } from './facts.ts'

// What a reader of past events needs to know of them. To load what their data looks like takes longer than to read them.

type RunEnd = (typeof runEnds)[number]['type']

/** Types of the events that end a run. */
export const runEndTypes = Object.keys({
  'run.succeeded': true,
  'run.degraded': true,
  'run.held': true,
  'run.failed': true,
  'run.cancelled': true,
} satisfies Record<RunEnd, true>) as readonly RunEnd[]

/** Types of the events that end a restore. */
const restoreEndTypes = ['restore.finished', 'restore.failed'] as const

/** Types of the events that end a verification. */
const verifyEndTypes = ['verify.finished', 'verify.failed'] as const

/** Types of the events that end a drill. */
const drillEndTypes = ['drill.finished', 'drill.failed'] as const

/** Types of the events that end copies. */
const copyEndTypes = ['copy.finished', 'copy.failed'] as const

/** What a reader of the journal has to know of events: which begin a run, and which end it. */
export const runTypes: ReadonlyMap<
  string,
  Pick<EventDefinition, 'type' | 'subject' | 'startsRun' | 'endsRun' | 'listed' | 'kept'>
> = new Map(
  [
    'backup.start',
    'restore.start',
    'verify.start',
    'drill.start',
    'copy.start',
    ...runEndTypes,
    ...restoreEndTypes,
    ...verifyEndTypes,
    ...drillEndTypes,
    ...copyEndTypes,
  ].map((type) => {
    const endsRun = !type.endsWith('.start')
    return [
      type,
      {
        type,
        subject: 'source',
        startsRun: !endsRun,
        endsRun,
        listed: type === 'backup.start',
        kept: undefined,
      },
    ]
  }),
)
