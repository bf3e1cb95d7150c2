import { isCommand, isOurs } from '../../core/origin.ts'
import type { AppContext } from '../context.ts'
import { type Answer, answerJson, type Question } from '../exchange.ts'
import { Problem } from '../problem.ts'
import { type Accepted, accept } from './accept.ts'
import { readMessage } from './cloudevents.ts'
import { eventOfCall } from './webhooks.ts'

/** `POST /events`. @throws {Problem} They are not taken: none of them. */
export async function takeEvents(question: Question, context: AppContext): Promise<Answer> {
  const leave = context.capacity.events.enter()
  try {
    const { events, batched } = readMessage(question, await question.text())
    for (const [index, { source }] of events.entries()) {
      if (isOurs(source) && !(context.trusted && isCommand(source)))
        throw ourSource(source, batched ? `/${index}` : '')
    }
    if (events.length > 1) context.rateLimit.charge(question.client, events.length - 1)
    return answerOf(await accept(events, context.engine, batched), batched)
  } finally {
    leave()
  }
}

/** `POST /webhooks/NAME`. @throws {Problem} It is not taken. */
export async function takeCall(name: string, question: Question, context: AppContext): Promise<Answer> {
  const { config, secrets, engine } = context
  const settings = new Map(Object.entries(config.http?.webhooks ?? {})).get(name)
  const secret = secrets.webhooks.get(name)
  if (!settings || !secret)
    throw new Problem('unknown-webhook', `there is no webhook ${JSON.stringify(name)}`)
  const leave = context.capacity.calls.enter()
  try {
    const event = eventOfCall(name, settings, secret, question.headers(), await question.text())
    return answerOf(await accept([event], engine), false)
  } finally {
    leave()
  }
}

/**
 * The ids of the events that hdsync makes can be guessed, and an id is taken once: whoever could put events beside them
 * could stop a run.
 */
function ourSource(source: string, at: string): Problem {
  const detail = `sources below /hdsync/ are those of hdsync itself, ${JSON.stringify(source)} is not to be sent`
  const errors = [{ pointer: `${at}/source`, detail }]
  return new Problem('invalid-event', `${at}/source: ${detail}`, { errors })
}

/** 202 for what was taken; 200 when there was nothing new. */
function answerOf(accepted: readonly Accepted[], batched: boolean): Answer {
  const status = accepted.some(({ duplicate }) => !duplicate) ? 202 : 200
  const [first] = accepted
  const location = !batched && first && { location: `/runs/${first.run}` }
  return answerJson(batched ? accepted : first, status, location || {})
}
