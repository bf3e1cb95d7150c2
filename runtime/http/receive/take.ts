import type { Context } from 'hono'
import { isCommand, isOurs } from '../../core/origin.ts'
import type { AppContext, AppEnv } from '../context.ts'
import { clientOf } from '../guard.ts'
import { Problem } from '../problem.ts'
import { respondJson } from '../respond.ts'
import { type Accepted, accept } from './accept.ts'
import { readText } from './body.ts'
import { readMessage } from './cloudevents.ts'
import { eventOfCall } from './webhooks.ts'

/**
 * `POST /events`: reads the body (`body.ts`), makes events of it (`cloudevents.ts`), and puts them on the bus
 * (`accept.ts`). A `backup.start` among them begins a run.
 * @throws {Problem} One of them is refused; then none is taken.
 */
export async function takeEvents({ req, env }: Context<AppEnv>, context: AppContext): Promise<Response> {
  const leave = context.capacity.events.enter()
  try {
    const { events, batched } = readMessage(req, await readText(req))
    for (const [index, { source }] of events.entries()) {
      if (isOurs(source) && !(context.trusted && isCommand(source)))
        throw ourSource(source, batched ? `/${index}` : '')
    }
    if (events.length > 1) context.rateLimit.charge(clientOf(env), events.length - 1)
    return receiptOf(await accept(events, context.engine, batched), batched)
  } finally {
    leave()
  }
}

/**
 * `POST /webhooks/NAME`: checks the signature, makes the event that the config names (`webhooks.ts`), and puts it on
 * the bus (`accept.ts`).
 * @throws {Problem} It is refused.
 */
export async function takeCall(
  name: string,
  { req }: Context<AppEnv>,
  context: AppContext,
): Promise<Response> {
  const { config, secrets, engine } = context
  const settings = new Map(Object.entries(config.http?.webhooks ?? {})).get(name)
  const secret = secrets.webhooks.get(name)
  if (!settings || !secret)
    throw new Problem('unknown-webhook', `there is no webhook ${JSON.stringify(name)}`)
  const leave = context.capacity.calls.enter()
  try {
    const event = eventOfCall(name, settings, secret, req.header(), await readText(req))
    return receiptOf(await accept([event], engine), false)
  } finally {
    leave()
  }
}

/** The ids of hdsync's own events can be guessed, and each id is taken once: a forged one could stop a run. */
function ourSource(source: string, at: string): Problem {
  const detail = `sources below /hdsync/ are those of hdsync itself, ${JSON.stringify(source)} is not to be sent`
  const errors = [{ pointer: `${at}/source`, detail }]
  return new Problem('invalid-event', `${at}/source: ${detail}`, { errors })
}

/** 202 if anything is new; 200 if every event was there already. */
function receiptOf(accepted: readonly Accepted[], batched: boolean): Response {
  const status = accepted.some(({ duplicate }) => !duplicate) ? 202 : 200
  const [first] = accepted
  const location = !batched && first && { location: `/runs/${first.run}` }
  return respondJson(batched ? accepted : first, status, location || {})
}
