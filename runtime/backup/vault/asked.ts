import * as z from 'zod'
import { TerminalError } from '../../errors.ts'
import {
  type GiveRequest,
  giveRequest,
  protocolVersion,
  request,
  requestLimit,
  rsyncServed,
  sessionRequest,
  type VaultRequest,
  vaultVersions,
} from '../../vault-protocol.ts'

/** What a host asks for: a line of the protocol, more of them as they come, or an rsync that takes its bytes. */
export type Asked =
  | { kind: 'request'; request: VaultRequest }
  | { kind: 'session' }
  | {
      kind: 'rsync'
      /** The file in `incoming` that it writes to. */
      name: string
      /** As the client has it; see `rsyncServed`. */
      command: string
    }

/**
 * Reads SSH_ORIGINAL_COMMAND. Nothing of it reaches a shell, and of an rsync nothing but what its client can do and one of the
 * names that the vault has given.
 * @throws {TerminalError} It is nothing that a vault answers; the message says what.
 */
export function parseAsked(command: string | undefined): Asked {
  const line = bounded(command)
  if (line.startsWith('rsync ')) return parseRsync(line)
  const asked = parseRequest(line, z.union([sessionRequest, request]), vaultVersions)
  return asked.do === 'session' ? { kind: 'session' } : { kind: 'request', request: asked }
}

/**
 * Reads a line of a session. Bytes of a copy are asked for by themselves.
 * @throws {TerminalError} It is nothing that is answered there.
 */
export function parseLine(line: string): Exclude<VaultRequest, { do: 'get' }> {
  const asked = parseRequest(line, request, vaultVersions)
  if (asked.do === 'get')
    throw new TerminalError('the bytes of a copy are asked for by themselves, and not in a session')
  return asked
}

/**
 * Reads what a vault asks a host for that it fetches from. Nothing of it is a path, or an option of a command.
 * @throws {TerminalError} It is nothing that a host answers; the message says what.
 */
export function parseGiveRequest(command: string | undefined): GiveRequest {
  return parseRequest(bounded(command), giveRequest, [protocolVersion])
}

function bounded(command: string | undefined): string {
  if (command === undefined || command === '')
    throw new TerminalError('this key is for copies of hdsync alone: there is no shell here')
  if (Buffer.byteLength(command) > requestLimit)
    throw new TerminalError(`the request is longer than ${requestLimit} bytes`)
  return command
}

function parseRequest<T extends z.ZodType>(
  line: string,
  schema: T,
  versions: readonly number[],
): z.output<T> {
  if (!line.startsWith('{'))
    throw new TerminalError('this key is for copies of hdsync alone: no other command is run here')
  let value: unknown
  try {
    value = JSON.parse(line)
  } catch (error) {
    throw new TerminalError('the request is no JSON', { cause: error })
  }
  const version = z.object({ v: z.int() }).safeParse(value).data?.v
  if (version === undefined || !versions.includes(version))
    throw new TerminalError(
      `the request is of version ${version ?? 'unknown'} of the protocol, this hdsync speaks ${Math.max(...versions)}`,
      { hint: 'both sides take the same hdsync' },
    )
  const parsed = schema.safeParse(value)
  if (parsed.success) return parsed.data
  const [issue] = parsed.error.issues
  throw new TerminalError(
    `the request is not understood: ${issue?.path.join('.')}: ${issue?.message}`.slice(0, 500),
  )
}

function parseRsync(command: string): Asked {
  const found = rsyncServed(command, '')
  if (found && /^[0-9a-f]{64}$/.test(found.name)) return { kind: 'rsync', name: found.name, command }
  if (found)
    throw new TerminalError(
      'rsync may write to a name alone that the vault has given in its answer to an offer',
    )
  const words = command.split(' ')
  if (words[1] !== '--server' || words.includes('--sender'))
    throw new TerminalError(
      'a vault takes files from rsync, and gives none: rsync --server, without --sender',
    )
  throw new TerminalError(
    `the vault takes rsync with its own options alone, and not with ${JSON.stringify(command.slice(0, 200))}: what is there stays as it is`,
    { hint: 'hdsync copy calls it as it has to be; both sides take the same hdsync' },
  )
}
