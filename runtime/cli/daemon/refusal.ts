import { setTimeout as sleep } from 'node:timers/promises'
import { getRequestListener } from '@hono/node-server'
import { listen } from '../../http/listener.ts'
import { Problem, problemResponse } from '../../http/problem.ts'

/** How long those who have come in are answered. */
const patienceMs = 1000

/**
 * Tells those who have woken a daemon that cannot work why it cannot. They would wait otherwise, and systemd would start
 * it again for them, over and over.
 * @param sockets That systemd has opened.
 * @param hint What to do about it.
 */
export async function refuseWaiting(
  sockets: readonly number[],
  reason: string,
  hint?: string,
): Promise<void> {
  if (sockets.length === 0) return
  const problem = new Problem('unavailable', reason, { hint })
  const handle = getRequestListener(() => problemResponse(problem))
  const listeners = await Promise.all(sockets.map((fd) => listen({ address: { fd }, handle })))
  await sleep(patienceMs)
  await Promise.all(listeners.map((listener) => listener.close(patienceMs)))
}
