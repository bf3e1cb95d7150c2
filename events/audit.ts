import * as z from 'zod'
import { defineEvent } from './define.ts'

// Who did what over the page or HTTP. `who` is `session` and its id, `token`, `socket` (whoever may open the unix socket) or
// `nobody`; `from` is the address of the client, or `socket`.

const by = { who: z.string(), from: z.string() }
const audit = { external: true, subject: 'who' } as const

/** Somebody has logged in to the page, with a code of `hdsync open` or with a token. */
export const auditLogin = defineEvent(
  'audit.login',
  z.strictObject({ ...by, how: z.enum(['code', 'token']), right: z.enum(['act', 'read']) }),
  audit,
)

/** A login was refused. */
export const auditRefused = defineEvent('audit.refused', z.strictObject({ ...by, reason: z.string() }), audit)

/** Somebody has logged out, here or everywhere. */
export const auditLogout = defineEvent(
  'audit.logout',
  z.strictObject({ ...by, everywhere: z.boolean() }),
  audit,
)

/** Somebody has acted: `what` is `release`, `cancel` and the like, `about` what it was done to. */
export const auditAct = defineEvent(
  'audit.act',
  z.strictObject({ ...by, what: z.string(), about: z.string() }),
  audit,
)
