import * as z from 'zod'
import { vaultConfigSchema } from './schema.ts'

/** The part of JSON Schema that a config makes use of. */
export interface JsonSchema {
  title?: string
  type?: string | string[]
  description?: string
  default?: unknown
  enum?: unknown[]
  properties?: Record<string, JsonSchema>
  required?: string[]
  anyOf?: { required: string[] }[]
  additionalProperties?: JsonSchema | boolean
  items?: JsonSchema
  minimum?: number
  maximum?: number
  /** What is expected, as hdsync itself says it; YAML language servers say it too. */
  errorMessage?: string
}

/**
 * The JSON Schema of the config file, for editors. It knows the keys, the types and what they are for; how parts fit
 * together, and what a text has to look like, hdsync alone can tell.
 */
export function configJsonSchema(): JsonSchema {
  const schema = z.toJSONSchema(vaultConfigSchema, {
    io: 'input',
    unrepresentable: 'any',
    override({ zodSchema, jsonSchema }) {
      const errorMessage = expectationOf(zodSchema)
      if (errorMessage) Object.assign(jsonSchema, { errorMessage })
      if (jsonSchema.minimum === Number.MIN_SAFE_INTEGER) delete jsonSchema.minimum
      if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum
    },
  })
  const anyOf = [{ required: ['sources', 'targets'] }, { required: ['vault'] }]
  return { title: 'hdsync.yaml', ...(schema as JsonSchema), anyOf }
}

/** What the message of a schema says that it expects, where that does not depend on what it got. */
function expectationOf(schema: z.core.$ZodType): string | undefined {
  const message = schema._zod.def.error?.({
    code: 'custom',
    input: undefined,
    path: [],
    message: '',
  } as never)
  return typeof message === 'string' ? message : undefined
}
