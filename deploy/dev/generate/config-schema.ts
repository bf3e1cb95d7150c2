import { z } from 'zod'
import { configSchema } from '../../../runtime/config/schema.ts'

/** The part of JSON Schema that a config makes use of. */
export interface JsonSchema {
  type?: string | string[]
  description?: string
  default?: unknown
  enum?: unknown[]
  properties?: Record<string, JsonSchema>
  required?: string[]
  additionalProperties?: JsonSchema | boolean
  items?: JsonSchema
  minimum?: number
  maximum?: number
  /** What is expected, as hdsync says it; editors with a YAML language server say it too. */
  errorMessage?: string
}

/**
 * The config as a JSON Schema, for editors. Which keys exclude each other, and that names resolve, is left to
 * `hdsync check`.
 */
export function configJsonSchema(): JsonSchema & { title: string } {
  const schema = z.toJSONSchema(configSchema, {
    io: 'input',
    unrepresentable: 'any',
    override: ({ zodSchema, jsonSchema }) => {
      const expected = expectedBy(zodSchema)
      if (expected) Object.assign(jsonSchema, { errorMessage: expected })
      if (jsonSchema.minimum === Number.MIN_SAFE_INTEGER) delete jsonSchema.minimum
      if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum
      // YAML names for what JSON Schema says of every map.
      if (jsonSchema.propertyNames) delete jsonSchema.propertyNames
    },
  })
  return { ...(schema as JsonSchema), title: '/etc/hdsync/hdsync.yaml' }
}

/** What the error of a schema says that it expects, where that does not depend on what it got. */
function expectedBy(schema: z.core.$ZodType): string | undefined {
  const message = schema._zod.def.error?.({
    code: 'custom',
    input: undefined,
    path: [],
    message: '',
  } as never)
  return typeof message === 'string' ? message : undefined
}
