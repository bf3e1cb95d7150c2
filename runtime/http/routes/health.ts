import * as z from 'zod'
import type { App, AppContext } from '../context.ts'
import { describe } from '../describe.ts'
import { tellAlive, tellReady } from '../health.ts'
import { respondWith } from '../respond.ts'

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

export function healthRoutes(app: App, context: AppContext): void {
  app.get('/healthz', alive, () => respondWith(tellAlive(context)))
  app.get('/readyz', ready, () => respondWith(tellReady(context)))
}
