import type { DataOf, EventDefinition } from './define.ts'
import type { Envelope } from './envelope.ts'

/** Data as it was read, in the form of zod's `safeParse`. */
export type Stored<E extends EventDefinition> =
  | { success: true; data: DataOf<E> }
  | { success: false; data?: undefined }

/** Each round takes away what the one before has found; data is not nested deeper than that. */
const mostRounds = 10

/**
 * Reads the data of an event out of the store. Another version of hdsync may have written it: keys that this version does
 * not know are passed over, while what is put on the bus now is held to its schema to the letter.
 * @returns No data where it cannot be read all the same: callers go on as if nothing were known.
 */
export function readStored<E extends EventDefinition>(definition: E, data: unknown): Stored<E> {
  let value = data
  for (let round = 0; round < mostRounds; round++) {
    const parsed = definition.schema.safeParse(value)
    if (parsed.success) return { success: true, data: parsed.data as DataOf<E> }
    const unknown = parsed.error.issues.filter((issue) => issue.code === 'unrecognized_keys')
    if (unknown.length === 0) break
    value = structuredClone(value)
    for (const { path, keys } of unknown) forget(value, path, keys)
  }
  return { success: false }
}

/** The data of an event out of the store; undefined for one of another kind, and where it cannot be read. */
export function dataOf<E extends EventDefinition>(
  definition: E,
  { type, data }: Pick<Envelope, 'type' | 'data'>,
): DataOf<E> | undefined {
  return type === definition.type ? readStored(definition, data).data : undefined
}

function forget(value: unknown, path: readonly PropertyKey[], keys: readonly string[]): void {
  const place = path.reduce<unknown>(
    (part, step) => (typeof part === 'object' && part !== null ? Reflect.get(part, step) : undefined),
    value,
  )
  if (typeof place !== 'object' || place === null) return
  for (const key of keys) Reflect.deleteProperty(place, key)
}
