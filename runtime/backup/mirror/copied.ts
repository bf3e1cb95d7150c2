import type { Canary, Copied, FileSystem } from '../../../events/index.ts'
import type { Source } from '../../config/config.ts'
import type { Gaps } from '../../host/mirror/coverage.ts'
import type { MirrorIdentity } from '../../host/mirror/mirror-identity.ts'
import type { Mirror } from '../../host/mirror/mirrors.ts'
import { contentsAfter } from './contents.ts'
import type { CopyDone } from './copy.ts'
import { leftBy } from './last-copy.ts'
import { remarksOn } from './remarks.ts'

/** The circumstances of a copy that went well. */
export interface CopyAround {
  source: Source
  mirror: Mirror
  /** As it was found after the copy. */
  after: MirrorIdentity
  /** When the source was read, in ISO 8601. */
  read: { from: string; to: string }
  fileSystem: FileSystem | undefined
  gaps: Gaps | undefined
  sourceIsEmpty: boolean
  canary: Canary | undefined
  /** Whether no earlier attempt has written to the mirror. */
  firstTry: boolean
}

/** The data of `source.synced`, for a copy that is to be flushed. */
export function copiedBy(
  { unchanged, sourceNames, compared, contents, files, otherTimes, ...counts }: CopyDone,
  { source, mirror, after, read, fileSystem, gaps, sourceIsEmpty, canary, firstTry }: CopyAround,
): Copied {
  const left = leftBy(source, after, sourceNames, compared ?? read.from)
  return {
    ...counts,
    ...(unchanged && firstTry && { unchanged }),
    read,
    ...(mirror.id !== undefined && { mirror: mirror.id }),
    ...(left && { left }),
    contents: contentsAfter(contents.compared, { ...contents, at: read.from }),
    ...(fileSystem && { fileSystem }),
    ...(canary && { canary }),
    warnings: remarksOn({ source, gaps, files, sourceIsEmpty, otherTimes }),
  }
}
