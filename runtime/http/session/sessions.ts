import { createHash, createHmac, randomBytes } from 'node:crypto'
import { mkdirSync, readFileSync, renameSync, rmSync, unlinkSync } from 'node:fs'
import { join } from 'node:path'
import * as z from 'zod'
import type { Clock } from '../../core/clock.ts'
import { namesIn } from '../../host/names-in.ts'
import { writeSynced } from '../../host/write-synced.ts'
import { isoOf } from '../../instant.ts'

/** `act` may do everything; `read` sees how backups stand, and nothing of what is in files. */
export const right = z.enum(['act', 'read'])
export type Right = z.output<typeof right>

const recordSchema = z.object({
  right,
  how: z.enum(['code', 'token']),
  /** The address that it was begun from. */
  from: z.string(),
  startedAt: z.iso.datetime(),
  endsAt: z.iso.datetime(),
})

/** Somebody who has logged in to the page. */
export interface Session extends z.output<typeof recordSchema> {
  /** For people: the beginning of the digest of its secret, by which it cannot be taken over. */
  id: string
  /** What each form that acts sends along: another site cannot know it. */
  formToken: string
}

/** How long a session lasts. */
export const sessionMs = 12 * 3_600_000
/** How long a code of `hdsync open` can be used. */
const codeMs = 5 * 60_000
const idLength = 12

/**
 * The sessions of the page, as files in the state directory: they outlast the daemon, which leaves when nothing is going on, and
 * are seen and ended by commands. A file is named by the digest of the secret that a browser holds, so that whoever reads the
 * folder cannot take a session over.
 */
export interface Sessions {
  /** Begins a session. @returns Its secret, for the cookie alone. */
  begin(record: Pick<Session, 'right' | 'how' | 'from'>): { secret: string; session: Session }
  /** The session of a secret, as long as it lasts. */
  find(secret: string): Session | undefined
  /** Those that last, the newest first. Forgets the others. */
  list(): Omit<Session, 'formToken'>[]
  /** Ends those whose id begins so. @returns How many there were. */
  end(id: string): number
  endAll(): number
  /** Makes a code with which one session can be begun. */
  makeCode(): string
  /** Uses a code up. @returns Whether it could be used: once, and not for long. */
  useCode(code: string): boolean
}

/** @param state The state directory. */
export function openSessions(state: string, clock: Pick<Clock, 'now'>): Sessions {
  const folder = join(state, 'sessions')
  const names = (kind: string) => namesIn(folder).filter((name) => name.startsWith(`${kind}-`))
  const lasting = (name: string) => {
    const record = readRecord(join(folder, name))
    if (record && Date.parse(record.endsAt) > clock.now()) return record
    rmSync(join(folder, name), { force: true })
    return undefined
  }
  const write = (name: string, record: object) => {
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    // Under a name that nobody looks for until it is whole: half of one would be taken for one that has ended.
    const temporary = join(folder, `new-${name}`)
    writeSynced(temporary, 'wx', 0o600, Buffer.from(JSON.stringify(record)))
    renameSync(temporary, join(folder, name))
  }
  const remove = (isMeant: (name: string) => boolean) => {
    const meant = names('session').filter(isMeant)
    for (const name of meant) rmSync(join(folder, name), { force: true })
    return meant.length
  }

  return {
    begin(record) {
      const secret = newSecret()
      const now = clock.now()
      const whole = { ...record, startedAt: isoOf(now), endsAt: isoOf(now + sessionMs) }
      write(`session-${digestOf(secret)}`, whole)
      return { secret, session: sessionOf(secret, whole) }
    },
    find(secret) {
      const record = isSecret(secret) ? lasting(`session-${digestOf(secret)}`) : undefined
      return record && sessionOf(secret, record)
    },
    list: () =>
      names('session')
        .flatMap((name) => {
          const record = lasting(name)
          return record ? [{ id: idOf(name.slice('session-'.length)), ...record }] : []
        })
        .sort((one, other) => (one.startedAt < other.startedAt ? 1 : -1)),
    end: (id) => (id === '' ? 0 : remove((name) => name.startsWith(`session-${id}`))),
    endAll: () => remove(() => true),
    makeCode() {
      for (const name of names('code')) lasting(name)
      const code = newSecret()
      const now = clock.now()
      const record = { right: 'act', how: 'code', from: 'socket', startedAt: isoOf(now) }
      write(`code-${digestOf(code)}`, { ...record, endsAt: isoOf(now + codeMs) })
      return code
    },
    useCode(code) {
      const name = `code-${digestOf(code)}`
      if (!isSecret(code) || !lasting(name)) return false
      try {
        // Of two that come at once, one removes the file.
        unlinkSync(join(folder, name))
        return true
      } catch {
        return false
      }
    },
  }
}

function sessionOf(secret: string, record: z.output<typeof recordSchema>): Session {
  const formToken = createHmac('sha256', secret).update('form').digest('base64url')
  return { ...record, id: idOf(digestOf(secret)), formToken }
}

/** 192 bits, in characters that stand in a URL and a cookie as they are. */
function newSecret(): string {
  return randomBytes(24).toString('base64url')
}

function isSecret(text: string): boolean {
  return /^[\w-]{32}$/.test(text)
}

function digestOf(secret: string): string {
  return createHash('sha256').update(secret).digest('hex')
}

function idOf(digest: string): string {
  return digest.slice(0, idLength)
}

function readRecord(path: string): z.output<typeof recordSchema> | undefined {
  try {
    return recordSchema.parse(JSON.parse(readFileSync(path, 'utf8')))
  } catch {
    return undefined
  }
}
