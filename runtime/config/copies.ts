import * as z from 'zod'
import { keep, kept } from './keep.ts'
import { sourceName, targetReference } from './names.ts'
import { duration } from './quantities.ts'

// Other places that get a copy of each finished archive: `copies:` of the config.

const copyKeep = z.strictObject({
  daily: kept(1, 3660).default(7).describe('The newest copy of each of so many days.'),
  ...keep.shape,
})

/** A place that gets copies of archives. */
export const copySchema = z.strictObject({
  target: targetReference.describe(
    'A target that gets them, in its folder `kept`: a disk that is plugged in now and then. It has to be adopted, and must not be that of `archive`.',
  ),
  sources: z
    .array(sourceName)
    .min(1)
    .exactOptional()
    .describe('The sources whose archives it gets; all that have any, unless given.'),
  keep: copyKeep
    .exactOptional()
    .describe('What stays there; everything unless given, until the disk is full.'),
  alert: z
    .strictObject({
      after: duration(3_600_000, 100 * 365 * 86_400_000, '1w')
        .prefault('1w')
        .describe('How long it may go without having everything before `copy.overdue` tells of it.'),
    })
    .prefault({}),
})
