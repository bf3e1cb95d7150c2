import { z } from 'zod'
import { defineEvent } from './define.ts'
import { envelopeSchema } from './envelope.ts'

/** Runs one configured command with an event on its standard input. `hook` is its place in `notify:`. */
export const notifyExec = defineEvent(
  'notify.exec',
  z.strictObject({ hook: z.int().min(0), event: envelopeSchema }),
)
