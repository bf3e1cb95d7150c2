import { createReadStream } from 'node:fs'
import type { Readable } from 'node:stream'
import { vaultFull } from '../../../events/index.ts'
import { HdsyncError, hintOf, RetryableError, TerminalError } from '../../errors.ts'
import { HostFolder } from '../../host/vault/host-folder.ts'
import { type HostRecord, type RecordedCopy, readRecord } from '../../host/vault/record.ts'
import { diskFull, freeIn } from '../../host/vault/room.ts'
import { isoOf } from '../../instant.ts'
import {
  answerLimit,
  askAgainLater,
  copyKey,
  listDigest,
  mostGone,
  protocolVersion,
  type SameStatus,
  sessionVersion,
  type VaultRefusal,
  type VaultRequest,
  type VaultStatus,
} from '../../vault-protocol.ts'
import { isThere } from './names.ts'
import { offer, standing } from './offer.ts'
import { prove } from './prove.ts'
import { usedBytes } from './room.ts'
import { answered, settingsOf, type VaultTools } from './vault.ts'

/** A line of JSON, of the version that it was asked for by, or the bytes of a copy. */
export type Answer = { line: string } | { bytes: Readable }

/** Answers a request of a host. What cannot be done is an answer too: it never throws. */
export async function answerRequest(host: string, request: VaultRequest, tools: VaultTools): Promise<Answer> {
  const { v } = request
  try {
    if (request.do === 'get') return { bytes: await bytesOf(host, request, tools) }
    if (request.do === 'status') return lineOf(inShort(statusOf(host, tools), request.known), v)
    if (request.do === 'offer') return lineOf(await offer(host, request.archive, tools), v)
    const { gone, ...proof } = await prove(host, request.archive, tools)
    const isTold = v >= sessionVersion && gone.length <= mostGone
    return lineOf({ ...proof, ...(isTold && { gone: gone.map(copyKey) }) }, v)
  } catch (error) {
    if (tools.signal.aborted)
      return lineOf(refusalOf(new RetryableError(`the vault begins anew: ${askAgainLater}`)), v)
    noteFailure(error, { host, what: request.do, ...('archive' in request && request.archive) }, tools)
    return lineOf(refusalOf(error), v)
  }
}

/** @param known Of the list that the host has; see `listDigest`. */
function inShort({ copies, ...status }: VaultStatus, known: string | undefined): VaultStatus | SameStatus {
  return known === listDigest(copies) ? { ...status, same: true } : { copies, ...status }
}

/** Tells the hooks of a disk that is full, and the log of what nobody has thought of. @param source Of the archive, if it is about one. */
export function noteFailure(
  error: unknown,
  { host, what, source }: { host: string; what: string; source?: string },
  { now, tell, warn }: VaultTools,
): void {
  if (isDiskFull(error) && source !== undefined)
    tell?.({
      definition: vaultFull,
      data: { host, source, at: isoOf(now()), reason: refusalOf(error).error },
    })
  if (!isKnown(error)) warn?.(`${what} of ${host} failed: ${(error as Error).stack}`)
}

/** What people can be told as it is. */
function isKnown(error: unknown): error is Error {
  return error instanceof HdsyncError || (error as NodeJS.ErrnoException).code !== undefined
}

function isDiskFull(error: unknown): boolean {
  const { code = '', cause } = error as NodeJS.ErrnoException
  return ['ENOSPC', 'EDQUOT'].includes(code) || (cause instanceof Error && isDiskFull(cause))
}

/** What is said of an error to whoever has asked. */
export function refusalOf(error: unknown): VaultRefusal {
  const hint = hintOf(error)
  const message = isDiskFull(error)
    ? `${diskFull} (${(error as Error).message}): what has come stays`
    : isKnown(error)
      ? error.message
      : 'this should not have happened: the log of the vault has more'
  const text = hint === undefined ? message : `${message} (${hint})`
  return {
    v: protocolVersion,
    ok: false,
    error: text.slice(0, 2000),
    isFinal: error instanceof TerminalError && !isDiskFull(error),
  }
}

function lineOf(value: object, v: VaultRequest['v']): Answer {
  const line = JSON.stringify({ ...value, v })
  if (Buffer.byteLength(line) < answerLimit) return { line }
  return lineOf(refusalOf(new TerminalError('the answer is too long: fewer copies have to be kept')), v)
}

/** What the vault has of a host. */
export function statusOf(host: string, { vault, now }: VaultTools): VaultStatus {
  const { quota = null, mayGet } = settingsOf(vault, host)
  using folder = HostFolder.open(vault.path, host)
  const record = readRecord(folder.root)
  return {
    ...answered(now()),
    ...{
      host,
      usedBytes: usedBytes(record),
      quotaBytes: quota,
      freeBytes: freeIn(folder.path).bytes,
      mayGet,
    },
    copies: told(folder, record).map(({ file: _file, newBytes: _new, ...copy }) => copy),
  }
}

/** So many copies fit into an answer, at some 400 bytes each. */
const mostTold = 36_000

/** The newest copies of each source, of different bytes first. */
function told(folder: HostFolder, { copies, damage }: HostRecord): RecordedCopy[] {
  // It may be one that has expired whose line is lost.
  const there = damage === undefined ? copies : copies.filter((copy) => isThere(folder, copy))
  const sources = Map.groupBy(there, ({ source }) => source)
  const most = Math.floor(mostTold / Math.max(1, sources.size))
  if (there.length <= most) return there
  return [...sources.values()].flatMap((mine) => newest(mine, most))
}

function newest(copies: readonly RecordedCopy[], most: number): RecordedCopy[] {
  const known = new Set<string>()
  const different: RecordedCopy[] = []
  const others: RecordedCopy[] = []
  for (const copy of copies.toReversed()) {
    ;(known.has(copy.sha256) ? others : different).push(copy)
    known.add(copy.sha256)
  }
  const chosen = new Set([...different, ...others].slice(0, most))
  return copies.filter((copy) => chosen.has(copy))
}

async function bytesOf(
  host: string,
  { sha256, offset }: Extract<VaultRequest, { do: 'get' }>,
  { vault }: VaultTools,
): Promise<Readable> {
  const { mayGet } = settingsOf(vault, host)
  if (!mayGet)
    throw new TerminalError(`${host} may not read from the vault`, {
      hint: `on the vault: \`mayGet: true\` for ${host}, for as long as it takes; or carry the file over`,
    })
  using folder = HostFolder.open(vault.path, host)
  const record = readRecord(folder.root)
  const known = record.copies.findLast((copy) => copy.sha256 === sha256 && !copy.damaged)
  const copy = known && (await standing(folder, record, known))
  const at = copy && folder.at(copy.file)
  if (!copy || at === undefined) throw new TerminalError(`the vault has no good copy of these bytes`)
  if (offset > copy.sizeBytes)
    throw new TerminalError(`the copy has ${copy.sizeBytes} bytes, and no byte ${offset}`)
  const stream = createReadStream(at, { start: offset })
  // The name holds as long as the folder is open.
  await new Promise<void>((resolve, reject) => stream.once('open', () => resolve()).once('error', reject))
  return stream
}
