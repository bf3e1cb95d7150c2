import * as z from 'zod'
import { runResult, runStates } from '../../../events/index.ts'
import type { RunReport } from '../../backup/run-report.ts'
import { cancellerNamed, cancelReason } from '../../core/cancel-reason.ts'
import { recordAct } from '../audit.ts'
import type { App, AppContext } from '../context.ts'
import { describe, runParameter } from '../describe.ts'
import { Problem } from '../problem.ts'
import { respondJson } from '../respond.ts'
import { findRun, resultOf } from '../run-results.ts'

/** How far back a state is looked for. */
const mostRuns = 1000

const LIMIT = `a whole number from 1 to ${mostRuns}`
const query = {
  limit: z.coerce.number(LIMIT).int(LIMIT).min(1, LIMIT).max(mostRuns, LIMIT).default(20),
  kind: z.string().max(256, 'at most 256 characters').optional(),
  state: z.enum(runStates, `one of ${runStates.join(', ')}`).optional(),
}

const list = describe('listRuns', {
  summary: 'Past runs, the newest first',
  parameters: [
    {
      name: 'limit',
      in: 'query',
      description: 'How many at most.',
      schema: { type: 'integer', minimum: 1, maximum: mostRuns, default: 20 },
    },
    {
      name: 'kind',
      in: 'query',
      description:
        'Only runs of this kind: `backup` unless given, the type of the event that a run began with, or `all`.',
      schema: { type: 'string' },
    },
    {
      name: 'state',
      in: 'query',
      description: `Only runs in this state, of the last ${mostRuns}.`,
      schema: { type: 'string', enum: [...runStates] },
    },
  ],
  answers: { 200: { description: 'Runs.', schema: z.array(runResult) } },
  problems: ['invalid-parameter'],
})

const show = describe('showRun', {
  summary: 'How a run went, or stands',
  description: 'The object that `hdsync show --json` prints.',
  parameters: [runParameter],
  answers: { 200: { description: 'The run.', schema: runResult } },
  problems: ['unknown-run'],
})

const cancel = describe('cancelRun', {
  summary: 'Cancel a run',
  description:
    'What is under way is stopped and put in order, which takes a moment: follow the run to see its end.',
  parameters: [runParameter],
  answers: { 202: { description: 'It is being cancelled.', schema: z.object({ run: z.string() }) } },
  problems: ['unknown-run', 'run-ended'],
})

export function runRoutes(app: App, context: AppContext): void {
  const { engine, trusted } = context
  app.get('/runs', list, (c) => {
    const limit = parameter('limit', c.req.query('limit'))
    const state = parameter('state', c.req.query('state'))
    const kind = parameter('kind', c.req.query('kind'))
    const results: RunReport[] = []
    for (const run of engine.journal.runs(state ? mostRuns : limit, kind)) {
      const result = resultOf(engine, run)
      if (!state || result.state === state) results.push(result)
      if (results.length === limit) break
    }
    return respondJson(results)
  })

  app.get('/runs/:id', show, (c) => respondJson(resultOf(engine, findRun(engine, c.req.param('id')))))

  app.post('/runs/:id/cancel', cancel, async (c) => {
    const run = findRun(engine, c.req.param('id'))
    // On the socket of root's it is another command of hdsync that asks.
    const by = trusted ? cancellerNamed(c.req.query('by')) : undefined
    if (!(await engine.cancel(run.id, cancelReason(by)))) {
      throw new Problem('run-ended', `run ${run.id} has ended: there is nothing to cancel`)
    }
    await recordAct(c, context, 'cancel', run.id)
    return respondJson({ run: run.id }, 202, { location: `/runs/${run.id}` })
  })
}

function parameter<Name extends keyof typeof query>(name: Name, value: string | undefined) {
  const parsed = query[name].safeParse(value)
  if (parsed.success) return parsed.data as z.output<(typeof query)[Name]>
  const expected = parsed.error.issues[0]?.message
  throw new Problem('invalid-parameter', `${name}: expected ${expected}, found ${JSON.stringify(value)}`)
}
