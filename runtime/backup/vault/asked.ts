import * as z from 'zod'
import { TerminalError } from '../../errors.ts'
import { protocolVersion, request, requestLimit, type VaultRequest } from '../../vault-protocol.ts'

/** What a host asks for: a line of the protocol, or an rsync that takes its bytes. */
export type Asked =
  | { kind: 'request'; request: VaultRequest }
  | {
      kind: 'rsync'
      /** The file in `incoming` that it writes to. */
      name: string
      /** What the client's rsync can do, as it says with `-e`: `e.LsfxCIvu`. */
      capabilities: string
    }

/**
 * Reads SSH_ORIGINAL_COMMAND. Nothing of it reaches a shell, and of an rsync nothing but what its client can do and one of the
 * names that the vault has given.
 * @throws {TerminalError} It is nothing that a vault answers; the message says what.
 */
export function parseAsked(command: string | undefined): Asked {
  if (command === undefined || command === '')
    throw new TerminalError('this key is for copies of hdsync alone: there is no shell here')
  if (Buffer.byteLength(command) > requestLimit)
    throw new TerminalError(`the request is longer than ${requestLimit} bytes`)
  if (command.startsWith('{')) return { kind: 'request', request: parseRequest(command) }
  if (command.startsWith('rsync ')) return parseRsync(command)
  throw new TerminalError('this key is for copies of hdsync alone: no other command is run here')
}

function parseRequest(line: string): VaultRequest {
  let value: unknown
  try {
    value = JSON.parse(line)
  } catch (error) {
    throw new TerminalError('the request is no JSON', { cause: error })
  }
  const version = z.object({ v: z.int() }).safeParse(value).data?.v
  if (version !== protocolVersion)
    throw new TerminalError(
      `the request is of version ${version ?? 'unknown'} of the protocol, this vault speaks ${protocolVersion}`,
      { hint: 'both sides take the same hdsync' },
    )
  const parsed = request.safeParse(value)
  if (parsed.success) return parsed.data
  const [issue] = parsed.error.issues
  throw new TerminalError(
    `the request is not understood: ${issue?.path.join('.')}: ${issue?.message}`.slice(0, 500),
  )
}

/** Letters that change nothing of what the vault does: times, even if it seems unchanged, more words. */
const letters = /^-[tIv]{0,8}(e\d{0,3}\.[\dA-Za-z.]{0,32})$/
/** Options that are for the client's side, and those that change nothing. */
const harmless = /^--(?:inplace|stats|log-format=X|bwlimit=\d{1,12}|timeout=\d{1,6})$/
const offeredName = /^[0-9a-f]{64}$/

function parseRsync(command: string): Asked {
  const [, server, ...words] = command.split(' ')
  const name = words.pop() ?? ''
  const place = words.pop()
  if (server !== '--server')
    throw new TerminalError('rsync is no rsync --server: a vault takes files from rsync alone')
  let capabilities: string | undefined
  let isInPlace = false
  for (const word of words) {
    const found = letters.exec(word)?.[1]
    if (found !== undefined && capabilities === undefined) capabilities = found
    else if (!harmless.test(word)) throw refusedWord(word)
    else if (word === '--inplace') isInPlace = true
  }
  if (capabilities === undefined) throw new TerminalError('rsync says nothing of what it can do (-e)')
  // The other side has to know that what it matches may be overwritten.
  if (!isInPlace) throw new TerminalError('rsync has to be called with --inplace')
  if (place !== '.' || !offeredName.test(name))
    throw new TerminalError(
      'rsync may write to a name alone that the vault has given in its answer to an offer',
    )
  return { kind: 'rsync', name, capabilities }
}

function refusedWord(word: string): TerminalError {
  const shown = JSON.stringify(word.slice(0, 60))
  if (word === '--sender') return new TerminalError('rsync may not read from a vault (--sender)')
  return new TerminalError(`the vault does not take rsync with ${shown}: what is there stays as it is`)
}
