import { symlinkSync } from 'node:fs'
import type { IncomingMessage } from 'node:http'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { BusyError, TerminalError, UsageError } from '../../../errors.ts'
import { DaemonError, open, refused } from '../client.ts'
import { challengeSchema, peerHeader } from './wire.ts'

/** What is said where the socket cannot be opened. */
export interface SocketAdvice {
  /** What it is for: `over which …`. */
  what: string
  /** What to do where this user may not. */
  denied: string
  /** What to do where nobody listens. */
  absent: string
}

/** The daemon, to which this user has proven who they are. See `Peers`. */
export class PeerClient {
  readonly #socket: string
  readonly #name: string
  readonly #advice: SocketAdvice

  private constructor(socket: string, name: string, advice: SocketAdvice) {
    this.#socket = socket
    this.#name = name
    this.#advice = advice
  }

  /** @throws {UsageError} This user may not ask, or nobody listens. */
  static async at(socket: string, advice: SocketAdvice): Promise<PeerClient> {
    const { folder, name } = challengeSchema.parse(
      JSON.parse(await textOf(await post(socket, '/peer', {}, '', advice))),
    )
    symlinkSync(name, join(folder, name))
    return new PeerClient(socket, name, advice)
  }

  ask(route: string, body: unknown): Promise<IncomingMessage> {
    return post(this.#socket, route, body, this.#name, this.#advice)
  }

  async text(route: string, body: unknown): Promise<string> {
    return textOf(await this.ask(route, body))
  }
}

async function post(
  socket: string,
  route: string,
  body: unknown,
  name: string,
  { what, denied, absent }: SocketAdvice,
): Promise<IncomingMessage> {
  const headers = { 'content-type': 'application/json', ...(name && { [peerHeader]: name }) }
  const payload = JSON.stringify(body)
  try {
    const { status, response } = await open(socket, { method: 'POST', route, headers, payload })
    if (status < 400) return response
    const { message, hint } = refused(await textOf(response), status)
    if (status === 409 && /ask again later/.test(message)) throw new BusyError(message)
    if (status === 503) throw new BusyError(`${message}: ask again later`)
    throw new TerminalError(message, { hint })
  } catch (error) {
    const { code } = ((error as Error).cause ?? {}) as NodeJS.ErrnoException
    if (!(error instanceof DaemonError) || code === undefined) throw error
    throw new UsageError(`${socket}, ${what}, cannot be opened: ${code}`, {
      hint: code === 'EACCES' ? denied : absent,
    })
  }
}

async function textOf(response: Readable): Promise<string> {
  let text = ''
  for await (const chunk of response.setEncoding('utf8')) text += chunk
  return text
}
