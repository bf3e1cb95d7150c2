import * as z from 'zod'
import type { App, AppContext } from '../context.ts'
import { describe } from '../describe.ts'
import { Problem, storeFailed } from '../problem.ts'
import { respondJson } from '../respond.ts'

const status = z.object({ status: z.literal('ok'), version: z.string() })

const alive = describe('isAlive', {
  summary: 'Whether the process answers',
  answers: { 200: { description: 'It does.', schema: status } },
  open: true,
})

const ready = describe('isReady', {
  summary: 'Whether events are taken',
  answers: { 200: { description: 'They are.', schema: status } },
  problems: ['unavailable'],
  open: true,
})

export function healthRoutes(app: App, { engine, version, closing }: AppContext): void {
  app.get('/healthz', alive, () => respondJson({ status: 'ok', version }))
  app.get('/readyz', ready, () => {
    const reason = engine.unready()
    if (reason) throw storeFailed(reason)
    if (closing.aborted) throw new Problem('unavailable', 'hdsync is stopping')
    return respondJson({ status: 'ok', version })
  })
}
