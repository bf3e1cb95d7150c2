/// <reference types="node" preserve="true" />
// In the types of a build too: without Node's, `AbortSignal` would be `any` to whoever has not installed them.
import type { EventDefinition } from '../../events/define.ts'
import type { scheduleDue } from '../../events/schedule.ts'
import type { Config } from '../config/config.ts'
import * as core from '../core/function.ts'
import type { Host } from '../host/host.ts'

export type { Config, LvSource, PathSource, Source, Target } from '../config/config.ts'

// What the core gives function authors, for the box and the config of backups.

/** What a handler may do besides emitting. `host` is the box: LVM, mounts, rsync, archives, programs. */
export interface Context extends core.Context<Host, Config> {}

/** For `giveUp`, which only reports and lets the chain end. */
export interface GiveUpContext extends core.GiveUpContext<Config> {}

export interface FunctionSpec<On extends EventDefinition, Emits extends readonly EventDefinition[]>
  extends core.FunctionSpec<On, Emits, Host, Config> {}

/**
 * Declares a handler. The default export of a file in functions/, or in the folder of the user's own.
 * @example
 * export default defineFunction({
 *   on: runFailed,
 *   emits: [],
 *   async run({ data }, { log }) { log.warn(`run ${data.run} failed`) },
 * })
 */
export function defineFunction<
  On extends EventDefinition = typeof scheduleDue,
  const Emits extends readonly EventDefinition[] = readonly EventDefinition[],
>(spec: FunctionSpec<On, Emits>): core.FunctionDefinition {
  return core.defineFunction(spec)
}
