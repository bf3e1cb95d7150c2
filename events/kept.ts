import * as z from 'zod'
import { count } from './copied.ts'

/** An archive that stands on the disk, and what is known of it. */
export const keptArchive = z.lazy(() =>
  z.strictObject({
    path: z.string(),
    /** When it was made: the night that it is of. */
    at: z.iso.datetime(),
    sizeBytes: count,
    /** Tells the file from any other; names of one file have the same. */
    file: z.string(),
    /** Of the file, in hexadecimal digits; known of those that were proven. */
    sha256: z.string().optional(),
    /** `good`: it was proven when it was written, and nothing was found wrong with it since. */
    state: z.enum(['good', 'unknown', 'damaged']),
    /** What it is kept for: `daily`, `weekly`, `monthly`, `yearly`, `atLeast`; none where nothing may be removed. */
    keptFor: z.array(z.string()).default([]),
  }),
)
export type KeptArchive = z.output<typeof keptArchive>
