/**
 * What a function of one's own imports: `import { defineFunction, runFailed } from 'hdsync'`. Everything that
 * hdsync's own functions have, in one place. package.json beside it gives it that name, in a checkout and in a build.
 */
export { z } from 'zod'
export * from '../events/index.ts'
export { configured, configuredHook, volumeSource } from './backup/configured.ts'
export { earlierArchives, provesUnchanged } from './backup/earlier-archives.ts'
export {
  type Config,
  type Context,
  defineFunction,
  type FunctionSpec,
  type GiveUpContext,
  type LvSource,
  type PathSource,
  type Source,
  type Target,
} from './backup/function.ts'
export {
  findRelease,
  isMoved,
  keepHold,
  lastFileSystem,
  type Release,
  spentDeletions,
} from './backup/holds/release.ts'
export { contentsAfter, contentsOf, dueShare } from './backup/mirror/contents.ts'
export { bearsOnDoubt, doubtOf } from './backup/mirror/doubts.ts'
export { isNeedless, lastCopy, leftBy } from './backup/mirror/last-copy.ts'
export { syncMakingRoom } from './backup/mirror/make-room.ts'
export { countOf, mirrorFilesAtLeast } from './backup/mirror/mirror-count.ts'
export { permit, type Stopped } from './backup/mirror/permit.ts'
export { remarksOn } from './backup/mirror/remarks.ts'
export { syncWarning } from './backup/mirror/sync-warning.ts'
export { snapshotSizeBytes } from './backup/snapshot-size.ts'
export { summarise, unsummed } from './backup/summary.ts'
export { tellingLine } from './backup/telling-line.ts'
export type {
  AtGate,
  Delivered,
  Emit,
  EmitOptions,
  EventLog,
  FunctionDefinition,
  GateOptions,
  Gates,
  Log,
  OpenGate,
  Received,
  RunInfo,
  Start,
  StartOptions,
} from './core/function.ts'
export type { Once } from './core/once.ts'
export { type RetryPolicy, retryDelayMs, retryForADay } from './core/retry.ts'
export {
  CancelledError,
  HdsyncError,
  HookGoneError,
  InterruptedError,
  RetryableError,
  reasonOf,
  SuspectMirrorError,
  TerminalError,
} from './errors.ts'
export type { EarlierArchive } from './host/archive/earlier-archive.ts'
export type { Session } from './host/command/session.ts'
export type { FetchRequest, FetchResponse } from './host/fetch.ts'
export type { Host } from './host/host.ts'
export type { Comparison } from './host/mirror/compare.ts'
export type { Mirror } from './host/mirror/mirrors.ts'
export { isoOf } from './instant.ts'
export type { Progress } from './progress.ts'
export { weekdayOf } from './weekday.ts'
