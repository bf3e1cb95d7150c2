import type * as z from 'zod'
import { type HdsyncError, TerminalError } from '../../../errors.ts'
import { plainText } from '../../../plain-text.ts'
import { answerLimit, type GiveRequest, listLimit, refusal } from '../../../vault-protocol.ts'
import { CommandError, type CommandRunner } from '../../command/command.ts'
import { destinationOf, type Reach, sshWords, vaultText } from './ssh.ts'
import { refusedBy, sshFailure } from './ssh-errors.ts'
import { type Asked, askInSession, type Ended, type SessionOptions } from './vault-session.ts'

/** Asked of a vault, or of a host by a vault: whose, by which name the config has it (undefined where it has none), and by which commands. */
export interface Asking {
  vault: Reach
  name: string | undefined
  runner: CommandRunner
  /** Of the steps of a run, which ask over one session; each request comes by itself otherwise. */
  session?: Pick<SessionOptions, 'owner' | 'signal'> | undefined
}

type Request = Asked | Extract<GiveRequest, { do: 'list' }>

/** A vault reads an archive whole before it says that it is proved; a host may have to wait for a disk. */
const timeoutMs = { status: 300_000, offer: 6 * 3_600_000, prove: 7 * 86_400_000, list: 600_000 }

/**
 * Asks a vault or a host, and reads its answer.
 * @throws {TerminalError} It refuses, in its own words; or it answers something else.
 * @throws {RetryableError} It refuses for now, see `isBusy`; or it cannot be reached, see `isUnreachable`.
 */
export async function askVault<T extends z.ZodType>(
  request: Request,
  answer: T,
  asking: Asking,
): Promise<z.output<T>> {
  const heard = await hear(request, asking)
  const { vault, name } = asking
  const found = parsed(heard.line)
  const refused = refusal.safeParse(found)
  if (refused.success) throw refusedBy(vault, refused.data)
  if (heard.ended) throw sshFailure(heard.ended, vault, name)
  const read = answer.safeParse(found)
  if (read.success) return read.data
  throw notAnAnswer(read.error, vault)
}

/** What the other end says, and how ssh(1) has failed, if it has. */
interface Answered {
  line: string
  ended?: Ended | undefined
}

async function hear(request: Request, asking: Asking): Promise<Answered> {
  const { session, vault } = asking
  const inSession =
    session && request.do !== 'list'
      ? await askInSession(request, vault, { ...session, timeoutMs: timeoutMs[request.do] })
      : undefined
  if (inSession) return { line: '', ...inSession }
  // What is for sessions alone is not understood otherwise.
  const { known: _known, ...alone } = { known: undefined, ...request }
  return await hearAlone(alone as Request, asking)
}

async function hearAlone(request: Request, { vault, runner }: Asking): Promise<Answered> {
  const chunks: Buffer[] = []
  const tooMuch = new AbortController()
  const limit = request.do === 'list' ? listLimit : answerLimit
  let bytes = 0
  const command = {
    argv: [...sshWords(vault), destinationOf(vault), JSON.stringify(request)] as const,
    timeoutMs: timeoutMs[request.do],
    signal: tooMuch.signal,
    onStdout(chunk: Buffer) {
      bytes += chunk.length
      if (bytes > limit)
        tooMuch.abort(new TerminalError(`the answer of ${vaultText(vault)} is longer than ${limit} bytes`))
      else chunks.push(chunk)
    },
  }
  const ended = await runner.run(command).then(
    () => undefined,
    (error: unknown) => {
      if (error instanceof CommandError) return error
      throw error
    },
  )
  return { line: Buffer.concat(chunks).toString('utf8'), ended }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function notAnAnswer(error: z.ZodError, vault: Reach): HdsyncError {
  const [issue] = error.issues
  const why = issue ? plainText(`${issue.path.join('.') || 'the answer'}: ${issue.message}`) : ''
  return new TerminalError(
    `${vaultText(vault)} does not answer as ${vault.isHost ? '`hdsync give`' : 'a vault'} does (${why})`,
    {
      hint: 'its authorized_keys needs the line that hdsync vault add-host prints; both sides need one version of hdsync',
    },
  )
}
