import * as z from 'zod'

// What the data of several events is made of, and no function of the user's own has to know.

export const count = z.int().min(0)

/** Where a directory lies; what tells its file system from others is `id`. */
export const fileSystem = z.strictObject({
  /** Its UUID, or its type and what is mounted where it has none. */
  id: z.string(),
  type: z.string(),
  /** Where it is mounted. */
  at: z.string(),
  subvolume: z.string().optional(),
  /** That of the directory itself. */
  inode: z.string(),
})
export type FileSystem = z.output<typeof fileSystem>

/** A file whose digest was taken from the source itself, to hold what a drill restores against. */
export const canary = z.strictObject({
  /** Below the folder of the source, in base64, as names may be of any bytes. */
  path: z.base64(),
  sizeBytes: count,
  mtimeNs: z.string(),
  /** In hexadecimal digits. */
  sha256: z.string(),
})
export type Canary = z.output<typeof canary>

/** What a copy has done, and what later runs have to know of it. */
export const copiedShape = {
  filesTransferred: count,
  bytesTransferred: count,
  filesDeleted: count,
  /** Of those transferred, how many were there before. */
  filesChanged: count.optional(),
  /** How many it was permitted to change; without it what is usual decides. */
  changesAllowed: count.optional(),
  unchanged: z.boolean().optional(),
  warning: z.string().optional(),
  /** What was written to the source before is in the mirror, what was written after is not. */
  read: z.strictObject({ from: z.iso.datetime(), to: z.iso.datetime() }).optional(),
  /** Which mirror, where disks take turns. */
  mirror: z.string().optional(),
  /**
   * When files were last compared by their contents for good measure, where the next share of them begins (a number
   * between 0 and 1), and how large the files of the source are.
   */
  contents: z
    .strictObject({ at: z.iso.datetime(), next: z.number().min(0).max(1), sizeBytes: count })
    .optional(),
  /**
   * How many entries the mirror has of what is copied, `notCopied` how many others (excluded, as a rule), and the digest
   * of the patterns by which it was so: later runs know from it how many deletions are too many.
   */
  counted: z.strictObject({ files: count, notCopied: count, exclude: z.string() }).optional(),
  /**
   * By what a later run can tell that nothing has changed since: the path or the volume, how many entries the source
   * has, which state of the mirror that is (see mirrorState), and when rsync last compared everything.
   */
  left: z
    .strictObject({
      from: z.string(),
      sourceNames: count,
      mirrorState: z.string(),
      compared: z.iso.datetime(),
    })
    .optional(),
  /** Where the directory lay that was copied. */
  fileSystem: fileSystem.optional(),
  canary: canary.optional(),
}

/** A copy that is not yet on the disk for certain. `warnings`: why it is not all that it seems to be, a sentence each. */
export const copied = z.strictObject({ ...copiedShape, warnings: z.array(z.string()) })
export type Copied = z.output<typeof copied>

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
