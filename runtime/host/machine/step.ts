import * as z from 'zod'

const words = z.tuple([z.string()], z.string()).readonly()

/** One thing that a rescue does: a command, or a restore of one source (the program `hdsync`). */
export const step = z.object({
  /** Unique in a plan, and the same whenever the plan is made again: completed steps are known by it. */
  id: z.string(),
  /** Its purpose: a comment for whoever reads the plan. */
  why: z.string(),
  argv: words,
  /** Written to its standard input. */
  input: z.string().exactOptional(),
  /** The empty folder that a restore fills: nothing is kept there to take the restore back. */
  fills: z.string().exactOptional(),
  /** Reads a passphrase from the terminal. */
  asks: z.literal(true).exactOptional(),
  /**
   * How one tells that what it makes stands (a mount, a file, a command that succeeds), and what brings it back in a live
   * system that has been booted anew.
   */
  again: z
    .union([
      z.object({ mounted: z.string(), argv: words }),
      z.object({ exists: z.string(), argv: words }),
      z.object({ succeeds: words, argv: words }),
    ])
    .exactOptional(),
  /** A failure does not stop the rescue, and is reported at its end. */
  mayFail: z.literal(true).exactOptional(),
})

export type Step = z.output<typeof step>
