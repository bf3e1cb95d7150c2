import type * as z from 'zod'

/**
 * The sides of a gate: before what the chain is about to do, where functions may hold something until it is done
 * (`before`) or only get ready (`ready`), and after it. At `verdict` functions judge what the chain has done.
 */
export type Gate = 'before' | 'ready' | 'after' | 'verdict'

/** Of some events the journal keeps the newest, with the runs that they belong to: `count` (1) for each value of `per`. */
export interface KeepNewest {
  readonly count?: number
  /** Keys whose values are told apart. */
  readonly per: readonly string[]
  /** The key of a list in the data whose items are looked at; the data itself unless given. */
  readonly inEach?: string
  /** Only those of which this key has one of these values. */
  readonly where?: { readonly key: string; readonly in: readonly string[] }
  /** Only those that belong to no run; only those that belong to one unless given. */
  readonly alone?: boolean
}

/** One kind of event: its type (`snapshot.create`), the shape of its data, and what the core has to know of it. */
export interface EventDefinition<
  Type extends string = string,
  Schema extends z.ZodType = z.ZodType,
  Side extends Gate | undefined = Gate | undefined,
> {
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
  /** Begins a run, which waits until no other one is going on. */
  readonly startsRun: boolean
  readonly endsRun: boolean
  /** Its runs are those that are meant where no kind is named: `hdsync runs`, `last`. */
  readonly listed: boolean
  /** Its functions stand at a gate: the chain waits for them. An event of the side `after` names the other in `data.before`. */
  readonly gate: Side
  /** What the journal keeps of it when it forgets the rest; equal objects are counted together. */
  readonly kept: KeepNewest | 'forever' | undefined
  /** A host of a fleet tells its hub. */
  readonly fleet: boolean
}

/** Whether the chain waits for the functions of an event. */
export function opensGate({ gate }: Pick<EventDefinition, 'gate'>): boolean {
  return gate === 'before' || gate === 'ready'
}

/** The data that an event carries, as a handler receives it. */
export type DataOf<E extends EventDefinition> = z.output<E['schema']>

/** The data that one hands in to make an event: fields with a default may be left out. */
export type InputOf<E extends EventDefinition> = z.input<E['schema']>

/** What may be said of an event; see {@link EventDefinition}. */
export interface EventOptions<Schema extends z.ZodType, Side extends Gate | undefined> {
  request?: z.ZodType
  triggerable?: boolean
  external?: boolean
  subject?: keyof z.input<Schema> & string
  always?: boolean
  startsRun?: boolean
  endsRun?: boolean
  listed?: boolean
  gate?: Side
  kept?: KeepNewest | 'forever'
  fleet?: boolean
}

/**
 * Declares a kind of event.
 * @param type Lower-case words joined by dots: what it concerns, then what is asked for or has happened.
 * @param schema The shape of its data.
 * @param options.subject `source` unless given.
 * @param options.listed As `startsRun` unless given.
 * @example const syncRun = defineEvent('sync.run', z.strictObject({ source: z.string() }))
 */
export function defineEvent<
  Type extends string,
  Schema extends z.ZodType,
  Side extends Gate | undefined = undefined,
>(type: Type, schema: Schema, options: EventOptions<Schema, Side> = {}): EventDefinition<Type, Schema, Side> {
  if (!/^[a-z][a-z0-9]*(\.[a-z][a-z0-9]*)+$/.test(type)) {
    throw new TypeError(`event type ${JSON.stringify(type)}: expected lower-case words joined by dots`)
  }
  return {
    type,
    schema,
    request: options.request ?? schema,
    triggerable: options.triggerable ?? false,
    external: options.external ?? false,
    subject: options.subject ?? 'source',
    always: options.always ?? false,
    startsRun: options.startsRun ?? false,
    endsRun: options.endsRun ?? false,
    listed: options.listed ?? options.startsRun ?? false,
    gate: options.gate as Side,
    kept: options.kept,
    fleet: options.fleet ?? false,
  }
}
