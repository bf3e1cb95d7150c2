import { catalogue } from '../../../events/index.ts'
import { foundIn, type Registry } from '../../core/registry/registry.ts'
import type { App, AppContext } from '../context.ts'
import { describe } from '../describe.ts'
import { openapiDocument } from '../openapi.ts'
import { respondJson } from '../respond.ts'

const description = describe('describeApi', {
  summary: 'This document',
  answers: { 200: { description: 'OpenAPI 3.1.' } },
})

export function openapiRoutes(app: App, { version, engine }: AppContext): void {
  const document = foundIn(engine.registry, () => openapiDocument(app, version, eventsOf(engine.registry)))
  app.get('/openapi.json', description, async () => respondJson(await document()))
}

/** Events of the user's own that may be sent to `POST /events`. */
function eventsOf(registry: Pick<Registry, 'events'>) {
  return registry.events().filter(({ type, triggerable }) => triggerable && !catalogue.has(type))
}
