import * as z from 'zod'

/**
 * A CloudEvents 1.0 message as it lies on the bus. `time` is when hdsync took or made it, by its own clock. The
 * extension attributes are ours: `runid` (the run that it belongs to), `attempt` (from 1), `parentid` (the
 * event whose handling emitted it), `traceparent` (W3C Trace Context) and `sendertime` (the `time` that a sender has
 * given: kept for whoever reads it, nothing is decided by it).
 * @see CloudEvents 1.0, "Context Attributes"
 */
export const envelopeSchema = z.object({
  specversion: z.literal('1.0').default('1.0'),
  id: z.string().min(1).max(256),
  source: z.string().min(1).max(1024),
  type: z.string().min(1).max(256),
  subject: z.string().min(1).max(1024).optional(),
  time: z.iso.datetime({ offset: true }),
  sendertime: z.iso.datetime({ offset: true }).optional(),
  datacontenttype: z.literal('application/json').default('application/json'),
  runid: z.string().min(1).max(64).optional(),
  attempt: z.int().min(1).default(1),
  parentid: z.string().min(1).max(256).optional(),
  traceparent: z
    .string()
    .regex(/^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/)
    .optional(),
  data: z.unknown(),
})

/** One event in its envelope; `data` has been checked against the schema of its type. */
export type Envelope = z.output<typeof envelopeSchema>
