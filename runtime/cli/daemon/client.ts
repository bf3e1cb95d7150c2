import { statSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import * as z from 'zod'
import { type SocketConfig, socketPath } from '../../config/socket.ts'
import { HdsyncError, UsageError } from '../../errors.ts'

/** A running `hdsync serve`, as other commands talk to it. */
export interface Daemon {
  /** Of its socket. */
  readonly path: string
  get<T>(path: string): Promise<T>
  post<T>(path: string, body?: unknown, headers?: Record<string, string>): Promise<T>
  /**
   * Reads server-sent events until the daemon ends the stream.
   * @throws {DaemonError} The connection broke; `onMessage` has told how far it came.
   */
  stream(path: string, onMessage: (message: StreamMessage) => void, options?: StreamOptions): Promise<void>
}

export interface StreamMessage {
  id: string | undefined
  event: string
  data: string
}

export interface StreamOptions {
  signal?: AbortSignal
  lastEventId?: string | undefined
}

/** The daemon refused, or could not be reached any more. `status` is 0 without an answer. */
export class DaemonError extends HdsyncError {
  readonly status: number

  constructor(message: string, status: number, hint?: string, cause?: unknown) {
    super(message, { hint, cause })
    this.status = status
  }
}

/** Statuses with which the daemon says that what was asked for cannot be, whoever asks and whenever. */
const wrongRequest = new Set([400, 404, 409, 413, 415, 422])

/** Rejects with a UsageError where the daemon refused what a person has asked for. */
export async function asked<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer
  } catch (error) {
    if (!(error instanceof DaemonError) || !wrongRequest.has(error.status)) throw error
    throw new UsageError(error.message, { hint: error.hint, cause: error })
  }
}

const answerLimitMs = 60_000
const againAfterMs = 200
/** Nobody listens there, or nobody could (EINVAL: the path is too long for a socket). */
const absent = new Set(['ENOENT', 'ECONNREFUSED', 'ENOTDIR', 'EINVAL'])
const cloudEvent = { 'content-type': 'application/cloudevents+json' }

/** What `POST /events` answers. */
const receipt = z.object({ run: z.string(), duplicate: z.boolean().default(false) })

/**
 * Finds the daemon of a store. Where systemd listens for it, asking wakes it.
 * @returns undefined when there is none.
 * @throws {UsageError} There is one that this user may not talk to.
 */
export async function connectDaemon(config: SocketConfig): Promise<Daemon | undefined> {
  const path = socketPath(config)
  if (!mayListen(path)) return undefined
  const daemon = daemonAt(path)
  try {
    await daemon.get('/healthz')
    return daemon
  } catch (error) {
    const { code } = ((error as Error).cause ?? {}) as NodeJS.ErrnoException
    if (code === 'EACCES' || code === 'EPERM') {
      throw new UsageError(`this user may not open ${path}, which hdsync is asked over`, {
        hint: 'as root, with sudo; or give a config of your own a `state` of its own',
        cause: error,
      })
    }
    if (code && absent.has(code)) return undefined
    throw error
  }
}

/** Whether somebody may listen there: where nobody does, no client has to be loaded. What this user may not see may be there. */
function mayListen(path: string): boolean {
  try {
    return statSync(path, { throwIfNoEntry: false }) !== undefined
  } catch {
    return true
  }
}

/** Hands an event to the daemon. @returns What became of it. @throws {DaemonError} It was refused. */
export async function submitTo(
  daemon: Daemon,
  event: { type: string; data?: unknown; id: string; source: string; subject?: string | undefined },
): Promise<{ run: string; duplicate: boolean }> {
  const body = { specversion: '1.0', datacontenttype: 'application/json', ...event }
  return receipt.parse(await daemon.post('/events', body, cloudEvent))
}

function daemonAt(path: string): Daemon {
  return {
    path,
    get: async <T>(route: string) => (await exchange(path, 'GET', route)) as T,
    post: async <T>(route: string, body?: unknown, headers?: Record<string, string>) =>
      (await exchange(path, 'POST', route, body, headers)) as T,
    stream: (route, onMessage, options = {}) => readStream(path, route, onMessage, options),
  }
}

async function exchange(
  socket: string,
  method: string,
  route: string,
  body?: unknown,
  headers: Record<string, string> = { 'content-type': 'application/json' },
): Promise<unknown> {
  const signal = AbortSignal.timeout(answerLimitMs)
  const payload = body === undefined ? undefined : JSON.stringify(body)
  const question = { method, route, headers, payload, signal }
  // One that is just leaving hangs up; an event has an id of its own, and is taken once however often it is sent.
  const triesMore = method === 'GET' || route === '/events' ? 3 : 0
  const { status, response } = await openAgain(socket, question, triesMore)
  let text = ''
  try {
    for await (const chunk of response.setEncoding('utf8')) text += chunk
  } catch (error) {
    throw unreachable(socket, error)
  }
  if (status >= 400) throw refused(text, status)
  return text === '' ? undefined : JSON.parse(text)
}

async function readStream(
  socket: string,
  route: string,
  onMessage: (message: StreamMessage) => void,
  { signal, lastEventId }: StreamOptions,
): Promise<void> {
  const headers = {
    accept: 'text/event-stream',
    ...(lastEventId !== undefined && { 'last-event-id': lastEventId }),
  }
  const { status, response } = await open(socket, { method: 'GET', route, headers, signal })
  let rest = ''
  try {
    for await (const chunk of response.setEncoding('utf8')) {
      rest += chunk
      if (status >= 400) continue
      const blocks = rest.split('\n\n')
      rest = blocks.pop() ?? ''
      for (const block of blocks) {
        const message = parseMessage(block)
        if (message) onMessage(message)
      }
    }
  } catch (error) {
    throw unreachable(socket, error)
  }
  if (status >= 400) throw refused(rest, status)
}

/** One message of a stream; undefined for a comment. @see https://html.spec.whatwg.org/multipage/server-sent-events.html */
function parseMessage(block: string): StreamMessage | undefined {
  const fields = new Map<string, string[]>()
  for (const line of block.split('\n')) {
    const [, name, value] = /^([a-z]+): ?(.*)$/.exec(line) ?? []
    if (name && value !== undefined) fields.set(name, [...(fields.get(name) ?? []), value])
  }
  const data = fields.get('data')
  if (!data) return undefined
  return {
    id: fields.get('id')?.at(-1),
    event: fields.get('event')?.at(-1) ?? 'message',
    data: data.join('\n'),
  }
}

export interface Question {
  method: string
  route: string
  headers: Record<string, string>
  payload?: string | undefined
  signal?: AbortSignal | undefined
}

/** Asks over a unix socket. @returns What is answered, once its head has come. @throws {DaemonError} Nobody answers. */
export function open(socketPath: string, { method, route, headers, payload, signal }: Question) {
  return new Promise<{ status: number; response: import('node:http').IncomingMessage }>((resolve, reject) => {
    // Loaded where it is needed: few commands find a daemon.
    const { request } = process.getBuiltinModule('node:http')
    const length = payload === undefined ? {} : { 'content-length': Buffer.byteLength(payload) }
    const asked = request({
      socketPath,
      method,
      path: route,
      headers: { host: 'localhost', ...headers, ...length },
      agent: false,
      ...(signal && { signal }),
    })
    asked.once('response', (response) => resolve({ status: response.statusCode ?? 0, response }))
    asked.once('error', (error) => reject(unreachable(socketPath, error)))
    asked.end(payload)
  })
}

async function openAgain(socketPath: string, question: Question, triesMore: number): ReturnType<typeof open> {
  try {
    return await open(socketPath, question)
  } catch (error) {
    const { code } = ((error as Error).cause ?? {}) as NodeJS.ErrnoException
    if (triesMore === 0 || !['ECONNRESET', 'EPIPE'].includes(code ?? '')) throw error
    await pause(againAfterMs)
    return openAgain(socketPath, question, triesMore - 1)
  }
}

function unreachable(socket: string, cause: unknown): DaemonError {
  const message = `the hdsync that listens on ${socket} does not answer: ${(cause as Error).message}`
  return new DaemonError(message, 0, 'see `systemctl status hdsync` and `hdsync runs`', cause)
}

const problem = z.object({ title: z.string(), detail: z.string().optional(), hint: z.string().optional() })

/** What an answer that is no success says. */
export function refused(text: string, status: number): DaemonError {
  try {
    const { title, detail, hint } = problem.parse(JSON.parse(text))
    return new DaemonError(detail ?? title, status, hint)
  } catch {
    return new DaemonError(`the daemon refused with status ${status}`, status)
  }
}
