import * as z from 'zod'
import { describeFunctions } from '../../backup/describe-function.ts'
import type { App, AppContext } from '../context.ts'
import { describe } from '../describe.ts'
import { respondJson } from '../respond.ts'

const functionSchema = z.lazy(() =>
  z.object({
    name: z.string(),
    on: z.array(z.string()).describe('Types of the events that it takes.'),
    emits: z.array(z.string()),
    timeoutMs: z.number(),
    tries: z.int().describe('Attempts in all, the first one included.'),
    schedule: z.string().optional().describe('When it has its turn without any event.'),
    next: z.iso.datetime().optional().describe('When that is next.'),
    concurrency: z
      .object({ limit: z.int().optional(), onBusy: z.enum(['wait', 'skip', 'replace']).optional() })
      .optional()
      .describe(
        'How many deliveries of one key are handled at once, and what becomes of more, where the function says so.',
      ),
    debounce: z
      .object({ waitMs: z.int(), longestMs: z.int() })
      .optional()
      .describe('How long no further event must have come, and how long it is waited for that at most.'),
    builtIn: z.boolean(),
    file: z.string(),
    error: z.string().optional().describe('Why it is left out.'),
    disabled: z.literal(true).optional().describe('It is not called until it is enabled again.'),
  }),
)

const description = describe('listFunctions', {
  summary: 'What handles what, and where it was loaded from',
  answers: { 200: { description: 'Functions.', schema: z.array(functionSchema) } },
})

export function functionRoutes(app: App, { engine }: AppContext): void {
  app.get('/functions', description, () => respondJson(describeFunctions(engine.registry)))
}
