import type { App, AppContext } from '../context.ts'
import { describe } from '../describe.ts'
import { exposedType, exposition } from '../metrics/exposition.ts'
import { respond } from '../respond.ts'

const description = describe('readMetrics', {
  summary: 'Figures for Prometheus, in the OpenMetrics text format',
  answers: { 200: { description: 'Metrics.', media: exposedType } },
})

export function metricsRoutes(app: App, context: AppContext): void {
  app.get('/metrics', description, async () =>
    respond(await exposition(context), 200, { 'content-type': exposedType }),
  )
}
