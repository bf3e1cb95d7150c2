import * as z from 'zod'
import { defineEvent } from './define.ts'

/**
 * It is time for a function that has a `schedule`; owed to that function alone. `at` is the moment that its schedule
 * named, `missed` how many earlier ones nobody was there for.
 */
export const scheduleDue = defineEvent(
  'schedule.due',
  z.lazy(() =>
    z.strictObject({ function: z.string(), at: z.iso.datetime(), missed: z.int().min(0).default(0) }),
  ),
  { subject: 'function' },
)

/**
 * A function with a `schedule` has not ended well since `lastSuccessAt` (or since it was first seen, if it never has),
 * although its time has come twice. Told once, until it has ended well again.
 */
export const functionOverdue = defineEvent(
  'function.overdue',
  z.lazy(() =>
    z.strictObject({
      function: z.string(),
      schedule: z.string(),
      lastSuccessAt: z.iso.datetime().nullable(),
      firstSeenAt: z.iso.datetime(),
    }),
  ),
  { external: true, subject: 'function' },
)
