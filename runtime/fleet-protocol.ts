import * as z from 'zod'

// What the hosts of a fleet and their hub say to each other, over the subjects of a NATS server. A host may publish under its own name
// alone, and hears nothing but its own receipts and commands. Neither side ever answers to a reply subject: the sender of a message chooses it,
// and whoever answers would publish there with rights that the sender has not got.

/** Messages of another version are passed over. */
export const fleetVersion = 1

/** The CloudEvents `source` under which the hub keeps what a host tells. */
export const heardSource = (host: string): string => `/hdsync/fleet/${host}`

/** The stream in which the broker keeps what hosts tell, until the hub has read it. */
export const eventStream = 'EV'

/** The stream by which the hubs of a fleet know of each other. */
export const hubsStream = 'HUBS'

/** The stream in which the server keeps what hosts say last of their slots, so that a hub whose connection breaks misses nothing. */
export const slotsStream = 'SLOTS'

/** Which hub acts. */
export const leaseSubject = 'hubs.lease'
/** A hub is there. */
export const thereSubject = (hub: string): string => `hubs.there.${hub}`
/** A host on the list. */
export const listSubject = (host: string): string => `hubs.host.${host}`
/** What the hub that acts has on record of itself: an event. */
export const recordSubject = (id: string): string => `hubs.record.${id}`

/** A NATS server before it has holes that are known, and lacks what is relied on. */
export const oldestBroker = '2.14'

/** The name of a host is part of subjects. */
export const fleetHostName: RegExp = /^[a-z][a-z0-9-]{0,62}$/

/** The name of a backup server, by which the hub and its hosts know its slots. */
export const slotServerName: RegExp = /^[A-Za-z0-9][\w.-]{0,62}$/

/** A larger event is told in part: the broker takes no message of more than 1 MiB. */
export const largestMessage = 512 * 1024

/** Data of an event is nested no deeper; what is looked at by recursion stands more than that, but not anything. */
const deepest = 64

export const eventSubject = (host: string, type: string): string => `ev.${host}.${type}`
/** A host asks how far the hub has come. */
export const askSubject = (host: string): string => `hub.have.${host}`
export const receiptSubject = (host: string): string => `receipt.${host}`
/** The hub asks a host for something. */
export const commandSubject = (host: string): string => `cmd.${host}`
/** A host hears what it is asked for: what it has not answered yet is sent. */
export const readySubject = (host: string): string => `hub.ready.${host}`
/** A new host hands in its key. */
export const joinSubject = (host: string): string => `hub.join.${host}`
export const joinedSubject = (host: string): string => `joined.${host}`

/** A host wants a slot of a backup server, has one, or gives it back. */
export const slotAskSubject = (host: string): string => `hub.slot.${host}`
/** What the hub says to that. */
export const slotSubject = (host: string): string => `slot.${host}`

/** The host that may publish on a subject, by its token. */
export function hostOfSubject(subject: string, index: number): string {
  return subject.split('.')[index] ?? ''
}

/** Reads a message. @returns undefined for what is none: others than who should may have had it sent. */
export function readMessage<Schema extends z.ZodType>(
  schema: Schema,
  bytes: Uint8Array,
): z.output<Schema> | undefined {
  try {
    return schema.safeParse(JSON.parse(Buffer.from(bytes).toString('utf8'))).data
  } catch {
    return undefined
  }
}

/** A host has so many labels at most. */
export const mostLabels = 100

const number = z.int().min(0)
const epoch = z.string().min(1).max(64)
const eventId = z.string().min(1).max(256)

function isShallow(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return true
  return levels > 0 && Object.values(value).every((part) => isShallow(part, levels - 1))
}

/** So many sources, and as many copies, a host says that it has. */
export const mostNames = 500

/** And so many types of commands that it obeys. */
const mostObeyed = 100

/** So many disks a host tells of. */
export const mostDisks = 50

/** The disk of a target. `perDayBytes`: what a day has taken of it; null where that is not known. */
export const toldDisk = z.object({
  target: z.string().max(64),
  freeBytes: number,
  totalBytes: number,
  perDayBytes: z.int().nullable(),
})
export type ToldDisk = z.output<typeof toldDisk>

/** What a host says of itself with each event. */
const aboutHost = z.lazy(() =>
  z.object({
    version: z.string().max(64),
    labels: z.array(z.string().max(63)).max(mostLabels),
    /** How long it may say nothing before that is news. */
    silentAfterMs: number,
    /** The names in its config: how another one stood is of no matter any more. Left out where there are too many. */
    sources: z.array(z.string().max(256)).max(mostNames).exactOptional(),
    copies: z.array(z.string().max(256)).max(mostNames).exactOptional(),
    /** What the hub may ask of it. An hdsync that knows of no commands does not say. */
    obeys: z.array(z.string().max(64)).max(mostObeyed).exactOptional(),
    /** The backup server whose slots its runs wait for. */
    slot: z.string().max(63).exactOptional(),
    /** Left out where none was looked at: those it told of before still count. */
    disks: z.array(toldDisk).max(mostDisks).exactOptional(),
  }),
)
export type AboutHost = z.output<typeof aboutHost>

/**
 * An event that a host tells. `previous`: the id of the event before it, empty for the first of an epoch. `released`: the number up to which a hub has confirmed; the host has nothing before it any more.
 */
export const toldMessage = z.lazy(() =>
  z.object({
    v: z.literal(fleetVersion),
    epoch,
    seq: number.min(1),
    previous: z.string().max(256),
    released: number,
    about: aboutHost,
    event: z.object({
      id: eventId,
      type: z
        .string()
        .max(128)
        .regex(/^[a-z][a-z0-9]*(\.[a-z][a-z0-9]*)+$/),
      time: z.iso.datetime({ offset: true }).max(64),
      run: z.string().min(1).max(64).nullable(),
      data: z.unknown().refine((data) => isShallow(data, deepest)),
    }),
  }),
)
export type ToldMessage = z.output<typeof toldMessage>

/**
 * How far the hub has committed what a host told: everything of this epoch up to `seq`, which is the event `id`. `answers`: the host
 * has asked, so what it has sent beyond that did not arrive. `left`: an epoch of which the hub takes nothing any more.
 */
export const receiptMessage = z.lazy(() =>
  z.strictObject({
    v: z.literal(fleetVersion),
    epoch: z.string().max(64),
    seq: number,
    id: z.string().max(256),
    answers: z.boolean(),
    left: epoch.optional(),
  }),
)
export type ReceiptMessage = z.output<typeof receiptMessage>

/** A new host hands in the public key that it has made, by the right of its code. */
export const joinMessage = z.lazy(() =>
  z.strictObject({
    v: z.literal(fleetVersion),
    key: z.string().regex(/^U[A-Z2-7]{55}$/),
  }),
)

export const joinedMessage = z.lazy(() =>
  z.strictObject({
    v: z.literal(fleetVersion),
    key: z.string().max(64),
    /** Why the key is not taken; null where it is. */
    error: z.string().max(1000).nullable(),
  }),
)

/** The code of `hdsync fleet enroll`: all that a host needs to hand in its key. */
export const joinCode = z.lazy(() =>
  z.strictObject({
    v: z.literal(fleetVersion),
    host: z.string().regex(fleetHostName),
    servers: z.array(z.string()).min(1),
    ca: z.string(),
    seed: z.string(),
  }),
)
export type JoinCode = z.output<typeof joinCode>

/** What a hub may ask a host to do. */
export const askTypes = ['backup.start', 'verify.start', 'drill.start', 'copy.start', 'sync.meant'] as const

/** Sets some of the config of a host, so far as that makes it safer. */
export const configSet = 'config.set'

/** What a hub may ask a host for, where its config says so. */
export const commandTypes = [...askTypes, configSet] as const

/** Ends what a command has begun; obeyed by whoever obeys that. */
export const cancelType = 'command.cancel'

/** A command is good for so long at most: a host remembers for longer which it had. */
export const longestCommandMs = 7 * 86_400_000

/** The id of the event by which a host answers a command: by it nobody answers twice, and the hub finds the answer. */
export const answerId = (command: string): string => `answer ${command}`

/** A command as it is sent: what was signed, letter by letter. */
export const signedCommand = z.strictObject({
  v: z.literal(fleetVersion),
  text: z.string().max(64 * 1024),
  signature: z.string().max(128),
})

/** What is signed of a command: it is good for this host alone, once, and not for long. */
export const commandText = z.strictObject({
  v: z.literal(fleetVersion),
  host: z.string().regex(fleetHostName),
  id: z.string().min(1).max(64),
  type: z.string().max(64),
  request: z.unknown(),
  issuedAt: z.iso.datetime(),
  expiresAt: z.iso.datetime(),
})
export type Command = z.output<typeof commandText>

/** A host that wants a slot or has one says so this often: who says nothing for a few of these is gone. */
export const slotRepeatMs = 30_000

/**
 * What a host says of one wait, which `ask` names. `wants`: it waits. `has`: it is at work, granted or `alone`, as its patience was at an end.
 * `done`: neither, any more. `command`: of the hub's, by which the run was begun. A host has one place with a server: another `ask` takes it.
 */
export const slotStatement = z.lazy(() =>
  z.object({
    v: z.literal(fleetVersion),
    server: z.string().regex(slotServerName),
    ask: z.string().min(1).max(64),
    state: z.enum(['wants', 'has', 'done']),
    alone: z.boolean().exactOptional(),
    command: z.string().min(1).max(64).exactOptional(),
  }),
)
export type SlotStatement = z.output<typeof slotStatement>

/**
 * What the hub says to it. It begins nothing that the host would not begin by itself a little later, so it is not signed. `granted`: the run
 * may begin. `waits`: not yet; `ahead` are before it, `isPaused` where somebody has paused it. `unknown`: the hub has no such server.
 */
export const slotAnswer = z.lazy(() =>
  z.object({
    v: z.literal(fleetVersion),
    server: z.string().max(63),
    ask: z.string().max(64),
    state: z.enum(['granted', 'waits', 'unknown']),
    ahead: number.exactOptional(),
    isPaused: z.boolean().exactOptional(),
  }),
)
export type SlotAnswer = z.output<typeof slotAnswer>
