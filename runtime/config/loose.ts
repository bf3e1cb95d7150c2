import * as z from 'zod'

/** A value of which any part may be missing, as it was not well-formed. */
export type Loose<T> = T extends (infer Item)[]
  ? (Loose<Item> | undefined)[]
  : T extends object
    ? { [Key in keyof T]?: Loose<T[Key]> | undefined }
    : T

/** A map, or an empty one in place of anything else. */
export const looseMap = z.record(z.string(), z.unknown()).catch({})

/** What of a value a schema accepts; items of a list keep their places. Of what is transformed: all or nothing. */
export function wellFormed<T extends z.ZodType>(schema: T, value: unknown): Loose<z.output<T>> | undefined {
  return salvaged(schema, value) as Loose<z.output<T>> | undefined
}

function salvaged(schema: z.core.$ZodType, value: unknown): unknown {
  const whole = z.safeParse(schema, value, { jitless: true })
  if (whole.success) return whole.data
  if (schema instanceof z.ZodLazy) return salvaged(schema._zod.innerType, value)
  if (schema instanceof z.ZodObject) {
    const map = looseMap.parse(value)
    const keys = Object.entries<z.core.$ZodType>(schema.shape)
    return Object.fromEntries(keys.map(([key, part]) => [key, salvaged(part, map[key])]))
  }
  if (schema instanceof z.ZodArray && Array.isArray(value))
    return value.map((item) => salvaged(schema.element, item))
  if (schema instanceof z.ZodRecord) {
    const entries = Object.entries(looseMap.parse(value))
    return Object.fromEntries(entries.map(([key, part]) => [key, salvaged(schema.valueType, part)]))
  }
  const inner: z.core.$ZodType | undefined = (schema._zod.def as { innerType?: z.core.$ZodType }).innerType
  return inner && value !== undefined ? salvaged(inner, value) : undefined
}
