import { loadConfig } from '../../config/load.ts'
import { systemClock } from '../../core/clock.ts'
import { counted } from '../../count.ts'
import { UsageError } from '../../errors.ts'
import { openSessions } from '../../http/session/sessions.ts'
import { localMinute } from '../../instant.ts'
import { exitCodes } from '../exit-codes.ts'
import type { Io } from '../io.ts'
import { table } from '../table.ts'

interface SessionsOptions {
  config?: string
  json?: boolean
}

/** `hdsync sessions`: who is logged in to the page. */
export async function sessionsCommand(options: SessionsOptions, io: Io): Promise<number> {
  const config = await loadConfig({ path: options.config, env: io.env })
  const sessions = openSessions(config.state, systemClock).list()
  if (options.json) io.stdout(`${JSON.stringify(sessions)}\n`)
  else if (sessions.length === 0) io.stdout('nobody is logged in to the page\n')
  else {
    const minute = (iso: string) => localMinute(Date.parse(iso))
    const rows = sessions.map(({ id, startedAt, from, how, right, endsAt }) => [
      id,
      minute(startedAt),
      from,
      how === 'code' ? 'hdsync open' : 'a token',
      right === 'act' ? 'act' : 'look',
      minute(endsAt),
    ])
    io.stdout(table([['ID', 'BEGUN', 'FROM', 'WITH', 'MAY', 'ENDS'], ...rows], io.width))
  }
  return exitCodes.succeeded
}

/**
 * `hdsync sessions revoke`: ends a session, or all; what its browser asks next is refused.
 * @throws {UsageError} There is no such session.
 */
export async function revokeCommand(
  id: string | undefined,
  options: SessionsOptions & { all?: boolean },
  io: Io,
): Promise<number> {
  if ((id === undefined) !== (options.all ?? false)) {
    throw new UsageError(
      id === undefined ? 'name a session, or --all' : 'either a session or --all, not both',
      {
        hint: '`hdsync sessions` lists them',
      },
    )
  }
  const config = await loadConfig({ path: options.config, env: io.env })
  const sessions = openSessions(config.state, systemClock)
  const ended = id === undefined ? sessions.endAll() : sessions.end(id)
  if (ended === 0 && id !== undefined) {
    throw new UsageError(`there is no session ${JSON.stringify(id)}`, {
      hint: '`hdsync sessions` lists them',
    })
  }
  io.stdout(options.json ? `${JSON.stringify({ ended })}\n` : `${counted(ended, 'session')} ended\n`)
  return exitCodes.succeeded
}
