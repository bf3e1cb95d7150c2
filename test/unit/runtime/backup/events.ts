import { z } from 'zod'
import { defineEvent } from '../../../../events/index.ts'

// Events of the tests' own: a wish that is handled, and facts that nobody has to take.

const data = z.strictObject({ source: z.string().default('var') })

export const work = defineEvent('test.work', data)
export const next = defineEvent('test.next', data)
export const tidy = defineEvent('test.tidy', data)
export const done = defineEvent('test.done', data, { external: true })
export const given = defineEvent('test.given', z.strictObject({ reason: z.string() }), { external: true })
