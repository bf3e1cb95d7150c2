import * as z from 'zod'

const words = z.tuple([z.string()], z.string()).readonly()

/** One thing that a rescue does: a command, or a restore of one source (the program `hdsync`). */
export const step = z.object({
  /** Which of two steps of the same plan it is, and the same in the next one: what has been done is known by it. */
  id: z.string(),
  /** Why: a comment for whoever reads the plan. */
  why: z.string(),
  argv: words,
  /** Written to its standard input. */
  input: z.string().exactOptional(),
  /** The empty folder that a restore fills: what it would keep for being taken back is not kept. */
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
  /** What it does can be missing: it is told of, and the rest is done. */
  mayFail: z.literal(true).exactOptional(),
})

export type Step = z.output<typeof step>
