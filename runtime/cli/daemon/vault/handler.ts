import { dirname, join } from 'node:path'
import { Readable } from 'node:stream'
import { getRequestListener } from '@hono/node-server'
import { Hono } from 'hono'
import type * as z from 'zod'
import { admit, noteSent, sessionLocks } from '../../../backup/vault/admit.ts'
import { answerRequest, refusalOf } from '../../../backup/vault/answer.ts'
import type { VaultTools } from '../../../backup/vault/vault.ts'
import type { Config } from '../../../config/config.ts'
import { vaultSocketPath } from '../../../config/socket.ts'
import { vaultHostName } from '../../../config/vault.ts'
import { systemClock } from '../../../core/clock.ts'
import { reasonOf } from '../../../errors.ts'
import { uidOfHost } from '../../../host/vault/host-folder.ts'
import type { Handler } from '../../../http/handler.ts'
import { Problem, problemResponse } from '../../../http/problem.ts'
import { parseJson, readText } from '../../../http/receive/body.ts'
import { respond, respondJson } from '../../../http/respond.ts'
import { SharedCapacity } from '../../../http/security/capacity.ts'
import { Peers } from '../../../http/security/peers.ts'
import { peerHeader } from '../users/wire.ts'
import type { DaemonOfVault } from './tools.ts'
import { admitBody, askBody, octets, sentBody, sessionBody } from './wire.ts'

/**
 * Answers the users of hosts that send to the vault, over a socket of their own: each for the host whose `incoming` is theirs,
 * and for no other. What they ask for is what the protocol has, and nothing else.
 */
export function vaultHandler(
  config: Config,
  tools: VaultTools,
  { onWarning, clock = systemClock }: Pick<DaemonOfVault, 'onWarning' | 'clock'>,
): Handler {
  const socket = vaultSocketPath(config)
  const peers = new Peers(join(dirname(socket), 'vault-peers'), socket, clock)
  const capacity = new SharedCapacity(64, 8, 'hosts that send')
  const app = new Hono()

  /** Answers what a host asks, if it is the host that asks. */
  function route<T extends { host: string }>(
    path: string,
    schema: z.ZodType<T>,
    answer: (body: T) => Promise<Response>,
  ): void {
    app.post(path, async (c) => {
      const uid = peers.uidOf(c.req.header(peerHeader))
      const leave = capacity.enter(uid)
      try {
        const parsed = schema.safeParse(parseJson(await readText(c.req)))
        if (!parsed.success) throw new Problem('invalid-parameter', parsed.error.message)
        if (uid !== uidOf(tools.vault.path, parsed.data.host))
          throw new Problem('unauthorized', `user ${uid} may not send for ${parsed.data.host}`)
        return await answer(parsed.data)
      } finally {
        leave()
      }
    })
  }

  app.post('/peer', () => respondJson(peers.challenge()))
  route('/ask', askBody, async ({ host, request }) => {
    const answer = await answerRequest(host, request, tools)
    if ('line' in answer) return respondJson(JSON.parse(answer.line))
    return respond(Readable.toWeb(answer.bytes) as ReadableStream, 200, { 'content-type': octets })
  })
  route('/session', sessionBody, async ({ host }) => respondJson(sessionLocks(host, tools.vault)))
  route('/admit', admitBody, async ({ host, name }) =>
    respondJson(await admit(host, name, tools).catch(refusalOf)),
  )
  route('/sent', sentBody, async ({ host, ...end }) => {
    await noteSent(host, end, tools)
    return respondJson({})
  })
  app.notFound(({ req }) => problemResponse(new Problem('unknown-path', `there is nothing at ${req.path}`)))
  app.onError((error, { req }) => {
    if (error instanceof Problem) return problemResponse(error)
    onWarning(`${req.path} failed for a host of the vault: ${reasonOf(error)}`)
    return problemResponse(new Problem('internal', reasonOf(error)))
  })
  return getRequestListener(app.fetch)
}

/** The user of a host. @returns undefined where the vault has no folder for it. */
function uidOf(vault: string, host: string): number | undefined {
  if (!vaultHostName.safeParse(host).success) return undefined
  return uidOfHost(vault, host)
}
