import { getRequestListener } from '@hono/node-server'
import { createApp } from './app.ts'
import type { AppContext, AppOptions } from './context.ts'
import type { Handler } from './handler.ts'
import { Problem, problemResponse } from './problem.ts'

/** The app as it answers requests of Node's. */
export function appListener(options: AppOptions, context?: AppContext): Handler {
  const app = createApp(options, context)
  return getRequestListener((request, env) => app.fetch(request, env as never), {
    errorHandler: (error) => problemResponse(new Problem('malformed-request', (error as Error).message)),
  })
}
