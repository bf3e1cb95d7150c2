import type { App, AppContext } from '../context.ts'
import { describe } from '../describe.ts'
import { openapiDocument } from '../openapi.ts'
import { respondJson } from '../respond.ts'

const description = describe('describeApi', {
  summary: 'This document',
  answers: { 200: { description: 'OpenAPI 3.1.' } },
})

export function openapiRoutes(app: App, { version }: AppContext): void {
  let document: ReturnType<typeof openapiDocument> | undefined
  app.get('/openapi.json', description, async () => {
    document ??= openapiDocument(app, version)
    return respondJson(await document)
  })
}
