import type * as z from 'zod'

/** One kind of event: its type (`snapshot.create`), the shape of its data, and who may make or take it. */
export interface EventDefinition<Type extends string = string, Schema extends z.ZodType = z.ZodType> {
  readonly type: Type
  readonly schema: Schema
  /** The shape that somebody outside may ask for it with; that of `schema` unless its definition says otherwise. */
  readonly request: z.ZodType
  /** May be put on the bus from outside (command line, HTTP, timer). */
  readonly triggerable: boolean
  /** Is of interest outside hdsync; the registry does not ask for a function that takes it. */
  readonly external: boolean
  /** The key of its data that says what it is about: the CloudEvents `subject`. */
  readonly subject: string
  /** Its functions put things in order: they are run even when the run was cancelled or interrupted. */
  readonly always: boolean
}

/** The data that an event carries, as a handler receives it. */
export type DataOf<E extends EventDefinition> = z.output<E['schema']>

/** The data that one hands in to make an event: fields with a default may be left out. */
export type InputOf<E extends EventDefinition> = z.input<E['schema']>

/**
 * Declares a kind of event.
 * @param type Lower-case words joined by dots: what it concerns, then what is asked for or has happened.
 * @param schema The shape of its data; or a function that makes it, called when it is first asked for.
 * @param options.request The shape of it that others may send, where hdsync itself writes more into it.
 * @example const syncRun = defineEvent('sync.run', z.strictObject({ source: z.string() }))
 */
export function defineEvent<Type extends string, Schema extends z.ZodType>(
  type: Type,
  schema: Schema | (() => Schema),
  options: {
    triggerable?: boolean
    request?: () => z.ZodType
    external?: boolean
    always?: boolean
    subject?: keyof z.input<Schema> & string
  } = {},
): EventDefinition<Type, Schema> {
  if (!/^[a-z][a-z0-9]*(\.[a-z][a-z0-9]*)+$/.test(type)) {
    throw new TypeError(`event type ${JSON.stringify(type)}: expected lower-case words joined by dots`)
  }
  const { triggerable = false, external = false, always = false, subject = 'source' } = options
  let made: Schema | undefined
  let request: z.ZodType | undefined
  return {
    type,
    get schema() {
      made ??= typeof schema === 'function' ? schema() : schema
      return made
    },
    get request() {
      request ??= options.request?.() ?? this.schema
      return request
    },
    triggerable,
    external,
    always,
    subject,
  }
}
