import type { Envelope } from '../../../events/index.ts'
import type { NotifyHook } from '../../config/notify.ts'
import type { CommandRunner } from '../command/command.ts'
import { awaitEarlierHook } from './earlier-hook.ts'
import { hookCommand } from './hook.ts'

/**
 * Tells a hook of an event, once.
 * @returns What came back, in a line for people.
 * @throws {RetryableError} It was not told; later it may be.
 * @throws {ConfigError} The file with its secret is missing, or open to others.
 */
export type TellHook = (hook: NotifyHook, event: Envelope) => Promise<string>

/** Each way to tell is loaded when it is needed: most commands of hdsync need none. */
const ways = {
  webhook: () => import('./webhook.ts'),
  healthchecks: () => import('./healthchecks.ts'),
  ntfy: () => import('./ntfy.ts'),
  email: () => import('./email.ts'),
}

/** Loads what it takes to tell these hooks. */
export async function loadWays(hooks: readonly Pick<NotifyHook, 'kind'>[]): Promise<void> {
  const kinds = new Set(hooks.map(({ kind }) => kind))
  await Promise.all([...kinds].map((kind) => kind !== 'exec' && ways[kind]()))
}

export function createTellHook(runner: CommandRunner, signal: AbortSignal): TellHook {
  return async (hook, event) => {
    switch (hook.kind) {
      case 'exec': {
        await awaitEarlierHook(hook, event, signal)
        await runner.run(hookCommand(hook.argv, hook.timeoutMs, event))
        return `${hook.argv[0]} ended with exit code 0`
      }
      case 'webhook':
        return (await ways.webhook()).sendWebhook(hook, event, signal)
      case 'healthchecks':
        return (await ways.healthchecks()).pingHealthchecks(hook, event, signal)
      case 'ntfy':
        return (await ways.ntfy()).sendNtfy(hook, event, signal)
      case 'email':
        return (await ways.email()).sendEmail(hook, event, { signal, runner })
    }
  }
}
