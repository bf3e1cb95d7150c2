import { join } from 'node:path'
import type * as z from 'zod'
import { holdLock } from '../../core/bus/sqlite/database.ts'
import { HdsyncError } from '../../errors.ts'
import {
  fleetVersion,
  type JoinCode,
  joinCode,
  type joinedMessage,
  joinMessage,
  readMessage,
} from '../../fleet-protocol.ts'
import type { Enrolled, HubFolder } from '../../host/fleet/hub-folder.ts'
import { newNkey } from '../../host/fleet/nkey.ts'
import { isoOf } from '../../instant.ts'

/** How long a code is good. */
export const codeLastsMs = 24 * 3_600_000

class ListBusyError extends HdsyncError {}

const waitMs = 5000
/** The daemon has other things to do; the host asks again. */
const answerWaitMs = 300

/**
 * Changes the hub's list, and with it what the NATS server reads: nobody else does meanwhile, so that nothing of what one writes is undone by
 * another one who has read before.
 * @throws {ListBusyError} Somebody else is at it for longer than `patienceMs`.
 */
export function changeList<T>(folder: HubFolder, change: () => T, patienceMs = waitMs): T {
  const until = Date.now() + patienceMs
  const lock = () => holdLock(join(folder.path, 'hosts'))
  let unlock = lock()
  while (!unlock && Date.now() < until) unlock = lock()
  if (!unlock)
    throw new ListBusyError(`another process is changing the list of hosts in ${folder.path}`, {
      hint: 'nothing was changed: try again',
    })
  try {
    return change()
  } finally {
    unlock()
  }
}

/**
 * Puts a host on the hub's list, or back on it, with a code by which it can hand in a key, once. A key that it has stays good until then.
 * @returns The code; the NATS server has to be told of it.
 */
export function enrol(
  host: string,
  folder: HubFolder,
  { servers, ca, now }: { servers: readonly string[]; ca: string; now: number },
): string {
  const key = newNkey()
  const known = folder.host(host)
  folder.keep({
    host,
    key: known?.key ?? null,
    code: { key: key.publicKey, until: isoOf(now + codeLastsMs) },
    enrolledAt: known?.enrolledAt ?? isoOf(now),
    revokedAt: null,
  })
  return codeText({ v: fleetVersion, host, servers: [...servers], ca, seed: key.seed })
}

/** Takes all rights of a host: its key, and a code that it has not used. What it has told stays. @returns false where it is not on the list. */
export function revoke(host: string, folder: HubFolder, now: number): boolean {
  const known = folder.host(host)
  if (known) folder.keep({ ...known, key: null, code: null, revokedAt: isoOf(now) })
  return known !== undefined
}

/**
 * Takes the key that a host hands in: whoever publishes under its name has its code. Safe to repeat with the same key.
 * @returns What it is answered; undefined where that was no question, or another process is changing the list: the host asks again.
 */
export function answerJoin(
  host: string,
  bytes: Uint8Array,
  folder: HubFolder,
  now: number,
): z.output<typeof joinedMessage> | undefined {
  const asked = readMessage(joinMessage, bytes)
  if (!asked) return undefined
  try {
    return changeList(folder, () => answerFor(asked, host, folder, now), answerWaitMs)
  } catch (error) {
    if (error instanceof ListBusyError) return undefined
    throw error
  }
}

function answerFor(
  asked: z.output<typeof joinMessage>,
  host: string,
  folder: HubFolder,
  now: number,
): z.output<typeof joinedMessage> {
  const answer = (error: string | null) => ({ v: fleetVersion, key: asked.key, error }) as const
  const known = folder.host(host)
  if (known?.key === asked.key && known.code === null) return answer(null)
  const refusal = refusalOf(known, now)
  if (refusal !== undefined || !known) return answer(refusal ?? '')
  folder.keep({ ...known, key: asked.key, code: null })
  folder.writeUsers(now)
  return answer(null)
}

function refusalOf(known: Enrolled | undefined, now: number): string | undefined {
  if (!known) return 'the hub does not know this host'
  if (known.code === null) return 'the code was used already'
  return Date.parse(known.code.until) > now ? undefined : 'the code is too old'
}

function codeText(code: JoinCode): string {
  return Buffer.from(JSON.stringify(code)).toString('base64url')
}

/** @returns undefined where the text is no code. */
export function readCode(text: string): JoinCode | undefined {
  try {
    return joinCode.parse(JSON.parse(Buffer.from(text.trim(), 'base64url').toString('utf8')))
  } catch {
    return undefined
  }
}
