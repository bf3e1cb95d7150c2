import { createHash } from 'node:crypto'
import * as z from 'zod'

// What a host and its vault say to each other: the request is one line of JSON, which ssh(1) hands over as
// SSH_ORIGINAL_COMMAND; the answer is one line of JSON on standard output. In a session there are more of both. `get` alone answers with bytes, and nothing else,
// on standard output. Besides them there is `rsync --server`, for the bytes of an archive. Both tell why they refuse in words, on
// standard error (see `refusalLine`), and end with `refusedCode`; a line of JSON that refuses comes with that exit code too.

/** Of a request that comes by itself, and of its answer. Requests of an unknown version are refused, with both in the message. */
export const protocolVersion = 1

/**
 * Of a session, and of what is said in it. Whoever knows version 1 alone refuses it, as version 1: then each request comes by itself.
 * A vault answers both.
 */
export const sessionVersion = 2
export const vaultVersions = [protocolVersion, sessionVersion] as const

/** With what the vault's command ends where it has refused. 0 otherwise; ssh(1) ends with it too, and with 255 by itself. */
export const refusedCode = 1

/** A request is not longer, in bytes. */
export const requestLimit = 4096

/** An answer is not longer, in bytes. */
export const answerLimit = 16 * 1024 ** 2
/** That of a host to a vault which asks what there is: twice as much as `mostListed` archives take. */
export const listLimit = 2 * 1024 ** 2

const version = z.literal(vaultVersions)
const sha256 = z.string().regex(/^[0-9a-f]{64}$/)
const bytes = z
  .int()
  .min(0)
  .max(2 ** 50)
const source = z.string().regex(/^(?!\d+$)(?!.*\.\.)[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$/)

/** How an archive is written: what its name ends with. What is sealed is encrypted by the host. */
const form = z.enum(['tar.zst', 'tar.gz', 'tar', 'tar.zst.sealed', 'tar.gz.sealed', 'tar.sealed'])
export type ArchiveForm = z.output<typeof form>

/** One way to write a moment, however it came: what is the same night is one night. */
const night = z.iso
  .datetime()
  .max(64)
  .overwrite((text) => (Number.isNaN(Date.parse(text)) ? text : new Date(text).toISOString()))

/** An archive that a host has. `at`: the night that it is of, by the host's clock; it is noted, and decides nothing. */
export const offeredArchive = z.strictObject({ source, at: night, form, sizeBytes: bytes, sha256 })
export type OfferedArchive = z.output<typeof offeredArchive>

export const request = z.lazy(() =>
  z.discriminatedUnion('do', [
    /** `known`: what `listDigest` makes of the copies that the host knows of; where it is the same, they are not told. In sessions alone. */
    z.strictObject({ v: version, do: z.literal('status'), known: sha256.optional() }),
    /** Asks whether an archive may come; the vault lays what it has of that source beside `incoming/`, for rsync to go on from. */
    z.strictObject({ v: version, do: z.literal('offer'), archive: offeredArchive }),
    /** Asks the vault to read what came, and to take it out of reach. */
    z.strictObject({ v: version, do: z.literal('prove'), archive: offeredArchive }),
    /** Asks for the bytes of a copy, from an offset on. */
    z.strictObject({ v: version, do: z.literal('get'), sha256, offset: bytes.default(0) }),
  ]),
)
export type VaultRequest = z.output<typeof request>

/**
 * Opens a session: `status`, `offer` and `prove` then come line by line on standard input, and are answered in turn, line by line, by one
 * process. Their answers are as ever, with the version of the session. It ends with standard input, or where nothing is asked for so long.
 */
export const sessionRequest = z.strictObject({ v: z.literal(sessionVersion), do: z.literal('session') })
export const sessionIdleMs = 60_000

/** A copy that the vault has. `provedAt`: when it arrived and was read, by the vault's clock. `readAt`: when it was last read. */
export const vaultCopy = z.lazy(() =>
  offeredArchive.extend({
    provedAt: z.iso.datetime(),
    readAt: z.iso.datetime(),
    damaged: z.boolean().default(false),
  }),
)
export type VaultCopy = z.output<typeof vaultCopy>

const answered = { v: version, ok: z.literal(true), now: z.iso.datetime() }

/** It cannot be done now, or never (`isFinal`); `error` is for a person to read. */
export const refusal = z.lazy(() =>
  z.strictObject({
    v: z.int(),
    ok: z.literal(false),
    error: z.string().max(2000),
    isFinal: z.boolean(),
  }),
)
export type VaultRefusal = z.output<typeof refusal>

/** The `error` of a refusal has these words where time alone mends it: a host waits then, and asks again. */
export const askAgainLater = 'ask again later'

const lineOfVault = 'hdsync: '
const notNow = 'later: '

/** A refusal as it is told on standard error, in one line: there alone rsync(1) and `get` can be told of one. */
export function refusalLine({ error, isFinal }: Pick<VaultRefusal, 'error' | 'isFinal'>): string {
  return `${lineOfVault}${isFinal ? '' : notNow}${error.replaceAll('\n', ' ')}`
}

/** Reads what `refusalLine` has written. @returns undefined for any other line: ssh(1) or rsync(1) has written that. */
export function refusalInLine(line: string): Pick<VaultRefusal, 'error' | 'isFinal'> | undefined {
  if (!line.startsWith(lineOfVault)) return undefined
  const said = line.slice(lineOfVault.length)
  const isFinal = !said.startsWith(notNow)
  return { error: isFinal ? said : said.slice(notNow.length), isFinal }
}

/** No answer has room for more; what is wrong about each of millions would take gigabytes to tell. */
const mostCopies = 80_000

export const statusAnswer = z.lazy(() =>
  z.strictObject({
    ...answered,
    host: z.string(),
    usedBytes: bytes,
    quotaBytes: bytes.nullable(),
    freeBytes: bytes,
    mayGet: z.boolean(),
    copies: z.array(vaultCopy).max(mostCopies),
  }),
)
export type VaultStatus = z.output<typeof statusAnswer>

/** The answer where the host knows already which copies there are. */
export const sameAnswer = z.lazy(() =>
  statusAnswer
    .unwrap()
    .omit({ copies: true })
    .extend({ same: z.literal(true) }),
)
export type SameStatus = z.output<typeof sameAnswer>

/**
 * What tells a list of copies from another one. When they were last read is not in it: the vault reads some of them each day.
 * @returns A SHA-256.
 */
export function listDigest(copies: readonly VaultCopy[]): string {
  const lines = copies.map(({ source, at, form, sizeBytes, sha256: bytesOf, provedAt, damaged }) =>
    JSON.stringify([source, at, form, sizeBytes, bytesOf, provedAt, damaged]),
  )
  return createHash('sha256').update(lines.join('\n')).digest('hex')
}

export const offerAnswer = z.lazy(() =>
  z.strictObject({
    ...answered,
    /** A copy of these bytes that is there: nothing is to be sent, `prove` gives it this night. */
    has: z.boolean(),
    /** The name in `incoming/` that rsync writes to, and how many bytes lie at the vault to go on from. */
    name: z.string(),
    laidBytes: bytes,
  }),
)
export type VaultOffer = z.output<typeof offerAnswer>

/** In a session, `gone` names the copies that had to go for it, as `copyKey` does; where they are too many, they are not told. */
export const proveAnswer = z.lazy(() =>
  z.strictObject({
    ...answered,
    proved: vaultCopy,
    gone: z.array(z.string().max(200)).max(mostGone).optional(),
  }),
)
export const mostGone = 400
export type VaultProof = z.output<typeof proveAnswer>

/** Names a copy of a vault, to whoever has its list. */
export function copyKey({
  source,
  sha256: bytesOf,
  provedAt,
}: Pick<VaultCopy, 'source' | 'sha256' | 'provedAt'>): string {
  return `${source} ${bytesOf} ${provedAt}`
}

// A vault that fetches asks the host, whose `hdsync give` answers with a line of JSON as well. To `send` it answers with what its
// rsync wants to be run at the vault, as ssh(1) would be told: a line that `rsyncServed` reads. What follows is that rsync's.

export const giveRequest = z.discriminatedUnion('do', [
  /** Asks which archives there are. */
  z.strictObject({ v: z.literal(protocolVersion), do: z.literal('list') }),
  /** Asks for the bytes of one of them. */
  z.strictObject({
    v: z.literal(protocolVersion),
    do: z.literal('send'),
    sha256,
    bytesPerSecond: bytes.min(1024).optional(),
  }),
])
export type GiveRequest = z.output<typeof giveRequest>

/** More than the nights of a year, of several sources. */
export const mostListed = 4096

export const listAnswer = z.strictObject({ ...answered, archives: z.array(offeredArchive).max(mostListed) })
export type ArchiveList = z.output<typeof listAnswer>

/** After so long without a byte, in seconds, both ends of an rsync give up. */
const rsyncTimeout = 600

/** How a host calls rsync(1) for an archive, beside `--bwlimit`, `--stats` and what is about the connection: `rsync … FILE USER@VAULT:NAME`. */
export const rsyncOptions = [
  '--inplace',
  '--no-whole-file',
  '--ignore-times',
  `--timeout=${rsyncTimeout}`,
] as const

const served =
  /^rsync --server -Ie\.(?<capabilities>[A-Za-z]{0,32}) --timeout=600(?: --bwlimit=\d{1,12})?(?: --stats)? --inplace \. (?<name>[A-Za-z0-9][A-Za-z0-9_.-]{0,199})$/

const shortestBlock = 1400
/** rsync(1) takes no longer one. */
const longestBlock = 128 * 1024

/**
 * How long the blocks are that rsync compares, in bytes. By itself it takes the square root, twelve times as much: then most of what is sent of an
 * archive is what lies beside pieces that have changed. What is compared for it, seven bytes a block, grows with the root too.
 * @param basisBytes Of what there is to go on from.
 */
function blockLength(basisBytes: number): number {
  const length = Math.floor(Math.sqrt(basisBytes) / 12)
  return Math.min(longestBlock, Math.max(shortestBlock, length))
}

/**
 * Reads what such an rsync asks its other end for.
 * @param base The folder in which the vault has laid what there is to go on from, under the same name. It is another file than the
 * one that is written, so that all of it can be matched: `--inplace` alone matches only what lies at or after the place
 * that it writes to, and an inserted byte would have all that follows sent. Nothing has to be copied for it either: a
 * second name of the last copy will do, which the host may read and not write.
 * @param basisBytes How large that is.
 * @returns The name in `incoming/` to write to, and the arguments with which the vault serves it there; undefined for anything else.
 */
export function rsyncServed(
  line: string,
  base: string,
  basisBytes = 0,
): { name: string; argv: [string, ...string[]] } | undefined {
  const { capabilities, name } = served.exec(line)?.groups ?? {}
  if (capabilities === undefined || name === undefined) return undefined
  const flags = [
    `-Ie.${capabilities}`,
    `--timeout=${rsyncTimeout}`,
    '--inplace',
    `--block-size=${blockLength(basisBytes)}`,
    `--copy-dest=${base}`,
  ]
  return { name, argv: ['rsync', '--server', ...flags, '.', name] }
}
