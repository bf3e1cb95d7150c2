import { auditAct, type EventDefinition, type InputOf } from '../../events/index.ts'
import { factPublication } from '../core/publication.ts'
import type { AppContext, AppEnv } from './context.ts'
import type { Who } from './who.ts'

/** Who asks, and from where, for the record. */
export type By = Pick<InputOf<typeof auditAct>, 'who' | 'from'>

/** Puts it on record what somebody did over the page or HTTP. That it cannot be recorded keeps nobody from it. */
export async function record<E extends EventDefinition>(
  { engine, clock, onWarning }: Pick<AppContext, 'engine' | 'clock' | 'onWarning'>,
  event: E,
  data: InputOf<E>,
): Promise<void> {
  try {
    await engine.dispatcher.publish([factPublication(engine.registry, event, data, clock.now())])
  } catch (error) {
    onWarning(`${event.type} is not on record: ${(error as Error).message}`)
  }
}

/** By whom a request is made. @param who undefined for nobody who is known. */
export function byOf(
  who: Who | undefined,
  env: AppEnv['Bindings'] | undefined,
  { trusted }: Pick<AppContext, 'trusted'>,
): By {
  const from = env?.incoming?.socket.remoteAddress ?? (trusted ? 'socket' : 'unknown')
  return { who: who?.name ?? (trusted ? 'socket' : 'nobody'), from }
}

/** Puts on record what somebody did. @param what Such as `release`. @param about What it was done to. */
export function recordAct(
  { env }: { env?: AppEnv['Bindings'] },
  context: Pick<AppContext, 'engine' | 'clock' | 'onWarning' | 'trusted'>,
  what: string,
  about: string,
): Promise<void> {
  return record(context, auditAct, { ...byOf(env?.who, env, context), what, about })
}
