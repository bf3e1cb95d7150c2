import type { Readable } from 'node:stream'
import { refusalOf } from '../../backup/vault/answer.ts'
import { parseLine } from '../../backup/vault/asked.ts'
import { TerminalError } from '../../errors.ts'
import { requestLimit, sessionIdleMs, sessionVersion } from '../../vault-protocol.ts'
import type { Door } from './door.ts'

/**
 * Answers the lines of a session in turn, one at a time, until its end, or until nothing has come for too long. What the host may do is asked for each anew, as is the daemon.
 * @param open Opens the way to the vault.
 * @param say Is given each answer, a line without its end.
 * @throws {HdsyncError} What comes is no line.
 */
export async function answerLines(
  input: Readable,
  open: () => Promise<Door>,
  say: (line: string) => void,
): Promise<void> {
  for await (const line of linesOf(input)) {
    say(await answerTo(line, open))
  }
}

async function answerTo(line: string, open: () => Promise<Door>): Promise<string> {
  try {
    const asked = parseLine(line)
    const door = await open()
    const answer = await door.ask(asked)
    if ('line' in answer) return answer.line
    throw new TerminalError('bytes are no answer in a session')
  } catch (error) {
    return JSON.stringify({ ...refusalOf(error), v: sessionVersion })
  }
}

/** Lines, none longer than a request, until none has come for too long. What is not ended by a newline is none. */
async function* linesOf(input: Readable): AsyncGenerator<string> {
  let read = Buffer.alloc(0)
  let isLate = false
  const late = () => {
    isLate = true
    input.destroy()
  }
  let timer = setTimeout(late, sessionIdleMs)
  try {
    for await (const chunk of input as AsyncIterable<Buffer>) {
      read = Buffer.concat([read, chunk])
      for (let end = read.indexOf(0x0a); end >= 0; end = read.indexOf(0x0a)) {
        const line = read.subarray(0, end).toString('utf8')
        read = read.subarray(end + 1)
        if (end > requestLimit) throw tooLong()
        // What is asked for may take hours.
        clearTimeout(timer)
        yield line
        timer = setTimeout(late, sessionIdleMs)
      }
      if (read.length > requestLimit) throw tooLong()
    }
  } catch (error) {
    if (!isLate) throw error
  } finally {
    clearTimeout(timer)
  }
}

function tooLong(): TerminalError {
  return new TerminalError(`the request is longer than ${requestLimit} bytes`)
}
