import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import * as z from 'zod'
import { configSchema } from '../../../../runtime/config/schema.ts'

/** A text that no value of the config may have, so that each says what it takes instead. */
const nonsense = '\0 nonsense'

/** All schemas below one, with the key that leads to them. */
function* below(schema: z.core.$ZodType, key: string): Generator<[key: string, schema: z.core.$ZodType]> {
  yield [key, schema]
  const def = schema._zod.def as unknown as Record<string, unknown>
  const shape = (def.shape ?? {}) as Record<string, z.core.$ZodType>
  for (const [name, part] of Object.entries(shape)) yield* below(part, `${key}.${name}`)
  for (const name of ['innerType', 'in', 'element', 'keyType', 'valueType'])
    if (def[name]) yield* below(def[name] as z.core.$ZodType, `${key}${name === 'element' ? '[]' : ''}`)
}

/** What a sentence shows as an example: `100M` and `20%` of "a size such as 100M or a percentage such as 20%". */
function examplesIn(sentence: string): string[] {
  const after = sentence.split(/such as /).slice(1)
  return after.flatMap((text) => text.split(/ \(|, (?!now)|, or a | or a /)[0]?.split(' or ') ?? [])
}

const shown = [...below(configSchema, 'config')].flatMap(([key, schema]) => {
  const { error } = z.safeParse(schema, nonsense)
  const own = error?.issues.filter(({ path }) => path.length === 0) ?? []
  return own.flatMap(({ message }) =>
    examplesIn(message).map((example) => ({ key, example, message, schema })),
  )
})

describe('an example in a message about the config', () => {
  test('is found where there is one', () => {
    const examples = new Set(shown.map(({ example }) => example))
    const some = ['100M', '20%', '50%', '1000', '5s', '1s..30s', '60s', '36h', '90d', '30s', '100/s', '600/m']
    expect([...examples]).toEqual(expect.arrayContaining(some))
  })

  test.each(shown)('$key: $example is taken: $message', ({ example, schema }) => {
    expect(z.safeParse(schema, parse(example)).success).toBe(true)
  })
})
