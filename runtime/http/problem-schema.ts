import * as z from 'zod'

/** What is answered when a request cannot be met. @see RFC 9457 */
export const problemSchema = z.lazy(() =>
  z.object({
    type: z.url().describe('Tells problems apart; it never changes.'),
    title: z.string(),
    status: z.int().min(400).max(599),
    detail: z.string().describe('About this request, for people.'),
    hint: z.string().optional().describe('What to try, for people.'),
    errors: z
      .array(z.object({ pointer: z.string().describe('Where: a JSON Pointer.'), detail: z.string() }))
      .optional()
      .describe('Everything that is wrong with the body.'),
  }),
)

export type ProblemBody = z.output<typeof problemSchema>
