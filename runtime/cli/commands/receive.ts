import { pipeline } from 'node:stream/promises'
import { refusalOf } from '../../backup/vault/answer.ts'
import { type Asked, parseAsked } from '../../backup/vault/asked.ts'
import { vaultHostName } from '../../config/vault.ts'
import { RetryableError, UsageError } from '../../errors.ts'
import { firstFree } from '../../host/vault/lock.ts'
import { takeBytes } from '../../host/vault/rsync-server.ts'
import { askAgainLater, refusal, refusalLine, refusedCode } from '../../vault-protocol.ts'
import type { Io } from '../io.ts'
import { type DoorOptions, openDoor } from '../vault/door.ts'
import { answerLines } from '../vault/session.ts'

/**
 * `hdsync receive HOST`: the forced command of a host's key. It does what the host asks for in SSH_ORIGINAL_COMMAND, if that is
 * of the protocol of vaults, and nothing else.
 * @returns `refusedCode` where it was refused; the words are on standard error.
 */
export async function receiveCommand(host: string, options: DoorOptions, io: Io): Promise<number> {
  const command = io.env.SSH_ORIGINAL_COMMAND
  let asked: Asked | undefined
  try {
    if (!vaultHostName.safeParse(host).success) throw new UsageError(`${host} is no name of a host`)
    asked = parseAsked(command)
    const open = () => openDoor(host, options, io.env)
    const door = await open()
    if (asked.kind === 'session') {
      await using slot = await firstFree(await door.locks())
      if (!slot) throw new RetryableError(`${host} has as many sessions as it may: ${askAgainLater}`)
      await answerLines(io.input?.() ?? process.stdin, open, (line) => io.stdout(`${line}\n`))
      return 0
    }
    if (asked.kind === 'rsync') {
      const admission = await door.admit(asked.name)
      const { newBytes, failure } = await takeBytes(admission, asked.command)
      await door.sent({ name: asked.name, newBytes })
      if (failure !== undefined) throw failure
      return 0
    }
    const answer = await door.ask(asked.request)
    if ('bytes' in answer) {
      await pipeline(answer.bytes, io.bytes?.() ?? process.stdout, { end: false })
      return 0
    }
    const refused = refusal.safeParse(JSON.parse(answer.line)).data
    if (!refused || asked.request.do !== 'get') io.stdout(`${answer.line}\n`)
    if (!refused) return 0
    io.stderr(`${refusalLine(refused)}\n`)
    return refusedCode
  } catch (error) {
    const refused = refusalOf(error)
    const isRequest = asked === undefined ? command?.startsWith('{') : asked.kind === 'request'
    const isGet = asked?.kind === 'request' && asked.request.do === 'get'
    if (isRequest && !isGet) io.stdout(`${JSON.stringify(refused)}\n`)
    io.stderr(`${refusalLine(refused)}\n`)
    return refusedCode
  }
}
