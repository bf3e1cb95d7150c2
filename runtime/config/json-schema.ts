import { z } from 'zod'
import { configSchema } from './schema.ts'

/**
 * The JSON Schema of the config file, for editors. It knows the keys, the types and what they are for; how parts fit
 * together, and what a text has to look like, hdsync alone can tell.
 */
export function configJsonSchema(): object {
  return { title: 'hdsync.yaml', ...z.toJSONSchema(configSchema, { io: 'input', unrepresentable: 'any' }) }
}
