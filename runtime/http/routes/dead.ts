import * as z from 'zod'
import { UsageError } from '../../errors.ts'
import { recordAct } from '../audit.ts'
import type { App, AppContext, HttpEngine } from '../context.ts'
import { describe } from '../describe.ts'
import { Problem } from '../problem.ts'
import { respondJson } from '../respond.ts'

const deadLetterSchema = z.lazy(() =>
  z.object({
    id: z.int().describe('What redriving takes.'),
    at: z.iso.datetime().describe('When it was given up.'),
    function: z.string(),
    event: z.string().describe('The type of the event that it was to handle.'),
    source: z.string().nullable(),
    run: z.string().nullable(),
    tries: z.int(),
    error: z.string(),
  }),
)

const list = describe('listDeadLetters', {
  summary: 'What used up its tries, the newest first',
  description: 'The list that `hdsync dead --json` prints.',
  answers: { 200: { description: 'Dead letters.', schema: z.array(deadLetterSchema) } },
})

const redrive = describe('redriveDeadLetter', {
  summary: 'Take a dead letter up again',
  parameters: [{ name: 'id', in: 'path', required: true, schema: { type: 'integer', minimum: 1 } }],
  answers: {
    202: {
      description: 'It is taken up, in its own run or in a new one.',
      schema: z.object({ run: z.string().nullable(), restarted: z.boolean() }),
    },
  },
  problems: ['unknown-dead-letter', 'cannot-redrive'],
})

export function deadLetterRoutes(app: App, context: AppContext): void {
  const { engine } = context
  app.get('/dead', list, () =>
    respondJson(
      engine.journal.dead().map(({ id, function: name, event, tries, diedAt, error }) => ({
        id,
        at: new Date(diedAt).toISOString(),
        function: name,
        event: event.type,
        source: event.subject ?? null,
        run: event.runid ?? null,
        tries,
        error,
      })),
    ),
  )

  app.post('/dead/:id/redrive', redrive, async (c) => {
    const id = Number(c.req.param('id'))
    if (!engine.journal.dead().some((letter) => letter.id === id)) {
      throw new Problem(
        'unknown-dead-letter',
        `there is no dead letter ${c.req.param('id')}: GET /dead lists them`,
      )
    }
    const { runId, restarted } = await redriveLetter(id, engine)
    await recordAct(c, context, 'redrive', String(id))
    return respondJson({ run: runId || null, restarted }, 202, runId ? { location: `/runs/${runId}` } : {})
  })
}

/** Takes up again what was given up. @throws {Problem} It cannot be. */
export function redriveLetter(
  id: number,
  engine: Pick<HttpEngine, 'redrive'>,
): ReturnType<HttpEngine['redrive']> {
  return engine.redrive(id).catch((error: Error) => {
    if (!(error instanceof UsageError)) throw error
    throw new Problem('cannot-redrive', error.message, { hint: error.hint })
  })
}
