import type { Envelope } from '../../events/index.ts'
import type { NotifyHook } from '../config/notify.ts'
import type { CommandRunner } from './command.ts'
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
export function createTellHook(runner: CommandRunner, signal: AbortSignal): TellHook {
  return async (hook, event) => {
    switch (hook.kind) {
      case 'exec': {
        await awaitEarlierHook(hook, event, signal)
        await runner.run(hookCommand(hook.argv, hook.timeoutMs, event))
        return `${hook.argv[0]} ended with exit code 0`
      }
      case 'webhook':
        return (await import('./webhook.ts')).sendWebhook(hook, event, signal)
      case 'healthchecks':
        return (await import('./healthchecks.ts')).pingHealthchecks(hook, event, signal)
      case 'ntfy':
        return (await import('./ntfy.ts')).sendNtfy(hook, event, signal)
      case 'email':
        return (await import('./email.ts')).sendEmail(hook, event, { signal, runner })
    }
  }
}
