import type { Registry } from 'prom-client'
import type { App, AppContext } from '../context.ts'
import { describe } from '../describe.ts'
import { Problem } from '../problem.ts'
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
    const { exposition } = await loadExposition()
    return respond(await exposition(context), 200, { 'content-type': exposedType })
  })
}

/**
 * Loads what makes the metrics, with prom-client: most daemons are never asked for them.
 * @throws {Problem} It cannot be found, as after an upgrade that has replaced the files.
 */
export async function loadExposition(): Promise<typeof import('../metrics/exposition.ts')> {
  try {
    return await import('../metrics/exposition.ts')
  } catch (error) {
    throw new Problem('unavailable', `a part of hdsync cannot be loaded: ${(error as Error).message}`, {
      hint: 'as after an upgrade: ask again once it has ended what it is at, or restart it: systemctl restart hdsync',
    })
  }
}
