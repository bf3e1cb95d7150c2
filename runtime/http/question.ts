import type { Context } from 'hono'
import type { AppEnv } from './context.ts'
import type { Question } from './exchange.ts'
import { clientOf } from './guard.ts'
import { readText } from './receive/body.ts'

/** A request as it comes through the app. */
export function questionOf({ req, env }: Context<AppEnv>): Question {
  return {
    header: (name) => req.header(name),
    headers: () => req.header(),
    text: () => readText(req),
    client: clientOf(env),
  }
}
