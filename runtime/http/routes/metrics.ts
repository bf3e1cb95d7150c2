import type { Registry } from 'prom-client'
import type { App, AppContext } from '../context.ts'
import { describe } from '../describe.ts'
import { respond } from '../respond.ts'

/** @see https://prometheus.io/docs/specs/om/open_metrics_spec/ */
const exposedType: typeof Registry.OPENMETRICS_CONTENT_TYPE =
  'application/openmetrics-text; version=1.0.0; charset=utf-8'

const description = describe('readMetrics', {
  summary: 'Figures for Prometheus, in the OpenMetrics text format',
  answers: { 200: { description: 'Metrics.', media: exposedType } },
})

export function metricsRoutes(app: App, context: AppContext): void {
  app.get('/metrics', description, async () => {
    // Loaded by the first who asks: it would take a tenth of the daemon's start.
    const { exposition } = await import('../metrics/exposition.ts')
    return respond(await exposition(context), 200, { 'content-type': exposedType })
  })
}
