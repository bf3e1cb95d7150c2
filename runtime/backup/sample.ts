import * as z from 'zod'
import type { EventDefinition } from '../../events/index.ts'

type Schema = z.core.JSONSchema.BaseSchema

/** Values that read better than a generated one. */
const texts = new Map([
  ['source', 'var'],
  ['sources', 'var'],
  ['vg', 'vg01'],
  ['lv', 'lv_var'],
  ['run', 'v98mgvayde'],
])

/** Data that an event could carry, required keys alone, for tests and first attempts. */
export function sampleData({ type, schema }: EventDefinition): unknown {
  const state = type.slice(type.indexOf('.') + 1)
  return sampleOf(z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }), '', state)
}

/** @param state Chosen of an enum that has it: `run.failed` says `failed`. */
function sampleOf(schema: Schema, name: string, state: string): unknown {
  const within = (part: unknown, key: string) => sampleOf(part as Schema, key, state)
  const choices = schema.enum ?? ('const' in schema ? [schema.const] : [])
  if (choices.length > 0) return choices.includes(state) ? state : choices[0]
  const alternatives = schema.anyOf ?? schema.oneOf
  if (alternatives) return within(alternatives[0], name)
  switch (schema.type) {
    case 'object':
      return Object.fromEntries(
        (schema.required ?? []).map((key) => [key, within(schema.properties?.[key], key)]),
      )
    case 'array':
      return schema.minItems ? [within(schema.items, name)] : []
    case 'string':
      if (schema.format === 'base64') return Buffer.from(name || 'text').toString('base64')
      return schema.format === 'date-time' ? '2026-01-01T00:00:00Z' : (texts.get(name) ?? (name || 'text'))
    case 'integer':
    case 'number':
      return Math.max(schema.minimum ?? 0, Number(schema.exclusiveMinimum ?? -1) + 1)
    case 'boolean':
      return true
    default:
      return null
  }
}
