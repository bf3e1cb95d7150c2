import type { App, AppContext } from '../context.ts'
import { describe } from '../describe.ts'
import { openapiDocument } from '../openapi.ts'

const description = describe('describeApi', {
  summary: 'This document',
  answers: { 200: { description: 'OpenAPI 3.1.' } },
})

export function openapiRoutes(app: App, { version }: AppContext): void {
  let document: ReturnType<typeof openapiDocument> | undefined
  app.get('/openapi.json', description, async (c) => {
    document ??= openapiDocument(app, version)
    return c.json(await document)
  })
}
