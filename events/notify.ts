import * as z from 'zod'
import { defineEvent } from './define.ts'
import { envelopeSchema } from './envelope.ts'

// Each tells one hook of one event. `hook` is its name, or what stands for it if it has none.

const telling = z.lazy(() => z.strictObject({ hook: z.string().min(1), event: envelopeSchema }))

/** Runs a command with the event on its standard input. */
export const notifyExec = defineEvent('notify.exec', telling)
/** Posts the event to a receiver of webhooks, signed. */
export const notifyWebhook = defineEvent('notify.webhook', telling)
/** Tells a monitor that a run has begun, gone well or failed. */
export const notifyHealthchecks = defineEvent('notify.healthchecks', telling)
/** Sends a push message. */
export const notifyNtfy = defineEvent('notify.ntfy', telling)
/** Sends a mail. */
export const notifyEmail = defineEvent('notify.email', telling)

/** The event that tells a hook, by the hook's kind. */
export const notifyEvents = {
  exec: notifyExec,
  webhook: notifyWebhook,
  healthchecks: notifyHealthchecks,
  ntfy: notifyNtfy,
  email: notifyEmail,
} as const
