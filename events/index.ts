import * as audit from './audit.ts'
import * as commands from './commands.ts'
import * as copy from './copy.ts'
import type { EventDefinition } from './define.ts'
import * as drill from './drill.ts'
import * as facts from './facts.ts'
import * as fleetCommands from './fleet/command.ts'
import * as fleet from './fleet/heard.ts'
import * as slots from './fleet/slot.ts'
import * as gate from './gate.ts'
import * as notify from './notify.ts'
import * as proof from './proof.ts'
import * as restore from './restore.ts'
import * as schedule from './schedule.ts'

export * from './any-fact.ts'
export * from './audit.ts'
export * from './commands.ts'
export * from './copy.ts'
export * from './define.ts'
export * from './drill.ts'
export * from './envelope.ts'
export * from './facts.ts'
export * from './fleet/command.ts'
export * from './fleet/heard.ts'
export * from './fleet/slot.ts'
export * from './fleet/told.ts'
export * from './gate.ts'
export * from './notify.ts'
export * from './parts.ts'
export * from './pattern.ts'
export * from './proof.ts'
export * from './restore.ts'
export * from './run-states.ts'
export * from './schedule.ts'
export type { Canary, Copied, FileSystem, KeptArchive } from './shapes.ts'
export * from './stored.ts'

const { notifyEvents: _byKind, ...notifications } = notify
const { restoreRequest: _request, ...restores } = restore
const { drillResult: _result, ...drills } = drill
const { runEnds: _ends, ...happenings } = facts

/** Every event that hdsync knows, by type. */
export const catalogue: ReadonlyMap<string, EventDefinition> = new Map(
  [
    audit,
    commands,
    copy,
    drills,
    fleet,
    fleetCommands,
    gate,
    happenings,
    notifications,
    proof,
    restores,
    schedule,
    slots,
  ]
    .flatMap((group): EventDefinition[] => Object.values(group))
    .map((event) => [event.type, event]),
)
