import { generateSpecs } from 'hono-openapi'
import * as z from 'zod'
import type { EventDefinition } from '../../events/index.ts'
import type { App } from './context.ts'
import { problemSchema } from './problem-schema.ts'

/**
 * The HTTP side of hdsync as an OpenAPI 3.1 document, from what its routes say of themselves.
 * @param events Events of the user's own that may be sent: what each takes as `data` is a schema of the event's name.
 */
export function openapiDocument(
  app: App,
  version: string,
  events: readonly EventDefinition[] = [],
): ReturnType<typeof generateSpecs> {
  return generateSpecs(app, {
    excludeStaticFile: false,
    documentation: {
      openapi: '3.1.0',
      info: {
        title: 'hdsync',
        version,
        description: 'Backs up a Linux server while it runs. Events go in, runs come out.',
        license: { name: 'MIT', identifier: 'MIT' },
      },
      servers: [{ url: 'http://127.0.0.1:7227' }],
      security: [{ token: [] }],
      components: {
        securitySchemes: {
          token: { type: 'http', scheme: 'bearer', description: 'What the file of `http.tokenFile` holds.' },
        },
        schemas: {
          Problem: schemaOf(problemSchema),
          ...Object.fromEntries(events.map(({ type, request }) => [type, schemaOf(request, asSent)])),
        },
      },
    },
  })
}

/** As somebody sends it: what has a default may be left out. */
const asSent = { io: 'input', unrepresentable: 'any' } as const

type Schemas = NonNullable<Awaited<ReturnType<typeof generateSpecs>>['components']['schemas']>

function schemaOf(schema: z.ZodType, options: Parameters<typeof z.toJSONSchema>[1] = {}): Schemas[string] {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, options)
  return rest as Schemas[string]
}
