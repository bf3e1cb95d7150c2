import type { EventDefinition } from './define.ts'
import * as facts from './facts.ts'
import * as gate from './gate.ts'
import * as night from './night.ts'
import * as notify from './notify.ts'

export * from './define.ts'
export * from './envelope.ts'
export * from './facts.ts'
export * from './gate.ts'
export * from './night.ts'
export * from './notify.ts'
export * from './parts.ts'

/** Every event that hdsync knows, by type. */
export const catalogue: ReadonlyMap<string, EventDefinition> = new Map(
  [...Object.values(night), ...Object.values(gate), ...Object.values(facts), ...Object.values(notify)]
    .filter((value) => !Array.isArray(value))
    .map((event) => [(event as EventDefinition).type, event as EventDefinition]),
)
