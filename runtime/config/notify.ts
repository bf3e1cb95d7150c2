import { createHash } from 'node:crypto'
import * as z from 'zod'
import { formatDuration } from '../units.ts'
import {
  absolutePath,
  commandArgument,
  eventPattern,
  hostName,
  lineOfText,
  mailAddress,
  ntfyTopic,
  targetName,
  webAddress,
} from './names.ts'
import { duration } from './quantities.ts'
import { beside, onlyOneOf } from './rules.ts'

// The hooks of `notify:`. Each is told in its own way; what they are told of, and for how long, is common to all.

const command = { error: 'a list of a command and its arguments, such as [/usr/local/bin/page-me, now]' }

const allowPrivate = z
  .boolean({ error: 'true or false' })
  .default(false)
  .describe('Whether the address may be one of this machine or of a private network.')

const webhook = z.lazy(() =>
  z.strictObject({
    url: webAddress.describe('Where the event is posted, as a CloudEvent.'),
    secretFile: absolutePath.describe(
      'File with the secret (whsec_...) that signs it; a line each, if several.',
    ),
    allowPrivate,
  }),
)

const healthchecks = z.lazy(() =>
  z.strictObject({
    url: webAddress.describe('The ping address of the check; /start and /fail are appended to it.'),
    allowPrivate,
  }),
)

const ntfy = z.lazy(() =>
  z.strictObject({
    url: webAddress.describe('The server, such as https://ntfy.sh.'),
    topic: ntfyTopic,
    title: lineOfText.exactOptional().describe('Default: what happened, and where.'),
    priority: z
      .enum(['min', 'low', 'default', 'high', 'max'])
      .exactOptional()
      .describe('Default: high for what failed, low for what went well.'),
    tags: z.array(lineOfText).default([]).describe('Shown with the message, beside one for how it went.'),
    tokenFile: absolutePath.exactOptional().describe('File with the access token, for a protected topic.'),
    allowPrivate,
  }),
)

/** The port that is usual for each way to secure a connection. */
const mailPorts = { starttls: 587, tls: 465, none: 25 }

const smtp = z.lazy(() =>
  z
    .strictObject({
      host: hostName,
      port: z.int({ error: 'a port from 1 to 65535' }).min(1).max(65535).exactOptional(),
      security: z
        .enum(['starttls', 'tls', 'none'])
        .default('starttls')
        .describe('How the connection is encrypted; nothing is sent where that cannot be done.'),
      user: lineOfText.exactOptional(),
      passwordFile: absolutePath.exactOptional(),
    })
    .check(
      beside<{ user?: string; passwordFile?: string }>((map, { addIssue }) => {
        if ('user' in map === 'passwordFile' in map) return
        const missing = 'user' in map ? 'passwordFile' : 'user'
        const message = `\`user\` and \`passwordFile\`, or neither`
        addIssue({ code: 'custom', message, params: { found: `no \`${missing}\`` } })
      }),
    )
    .transform(({ port, ...rest }) => ({ port: port ?? mailPorts[rest.security], ...rest })),
)

const email = z.lazy(() =>
  z
    .strictObject({
      to: z.union([mailAddress, z.array(mailAddress).min(1)], { error: 'a mail address, or a list of them' }),
      from: mailAddress.exactOptional().describe('Default: hdsync@ the name of this machine.'),
      smtp: smtp.exactOptional(),
      sendmail: absolutePath.exactOptional().describe('The program that takes mail on this machine.'),
    })
    .check(onlyOneOf('smtp', 'sendmail'))
    .transform(({ to, ...rest }) => ({ to: [to].flat(), ...rest })),
)

const kinds = ['exec', 'webhook', 'healthchecks', 'ntfy', 'email'] as const

/** How long telling may take at most. A receiver is not to be waited for as long as a program of one's own. */
const longestMs = { exec: 3_600_000, webhook: 30_000, healthchecks: 30_000, ntfy: 30_000, email: 300_000 }

/** What a hook hears of unless it says otherwise: how runs end, and what means trouble. */
const told = [
  'run.*',
  'unit.failed',
  'function.overdue',
  'archive.damaged',
  'mirror.healed',
  'mirror.doubtful',
  'verify.failed',
  'drill.failed',
  'drill.overdue',
  'copy.failed',
  'copy.overdue',
  'sync.unusual',
  'vault.odd',
  'vault.damaged',
  'vault.full',
  'vault.failed',
  'vault.overdue',
  'fleet.*.failed',
  'fleet.*.overdue',
  'fleet.*.held',
  'fleet.archive.damaged',
  'fleet.silent',
  'fleet.hub.gone',
  'fleet.certificate.ending',
] as const

/** The keys of a hook, each by itself. */
export const hookFields = z.strictObject({
  exec: z.tuple([absolutePath], commandArgument, command).exactOptional(),
  webhook: webhook.exactOptional(),
  healthchecks: healthchecks.exactOptional(),
  ntfy: ntfy.exactOptional(),
  email: email.exactOptional(),
  name: targetName.exactOptional().describe('What it is called, in messages and for `hdsync notify test`.'),
  on: z
    .array(eventPattern)
    .min(1)
    .default([...told])
    .describe('Events that are told of.'),
  timeout: duration(1000, longestMs.exec, '30s')
    .prefault('30s')
    .describe('The hook is stopped after that long.'),
})

export const notifySchema = hookFields
  .check(
    onlyOneOf(...kinds),
    beside<{ timeout: unknown }>((hook, { addIssue }) => {
      const kind = kinds.find((one) => one in hook)
      if (!kind || typeof hook.timeout !== 'number' || hook.timeout <= longestMs[kind]) return
      const message = `a duration of at most ${formatDuration(longestMs[kind])} for ${kind}`
      addIssue({ code: 'custom', path: ['timeout'], message })
    }),
  )
  .transform(({ exec, webhook, healthchecks, ntfy, email, name, on, timeout: timeoutMs }) => {
    const common = { on, timeoutMs, ...(name !== undefined && { name }) }
    if (exec) return identified({ kind: 'exec' as const, argv: exec, ...common })
    if (webhook) return identified({ kind: 'webhook' as const, ...webhook, ...common })
    if (ntfy) return identified({ kind: 'ntfy' as const, ...ntfy, ...common })
    if (email) return identified({ kind: 'email' as const, ...email, ...common })
    const { url, allowPrivate } = healthchecks ?? { url: '', allowPrivate: false }
    return identified({ kind: 'healthchecks' as const, url, allowPrivate, ...common })
  })

/** Who is told of what, and how. `key` names it in events; `fingerprint` changes whenever its settings do. */
export type NotifyHook = z.output<typeof notifySchema>

/** A hook without a name goes by its settings: one that is changed is another one. */
function identified<T extends { name?: string }>(hook: T): T & { key: string; fingerprint: string } {
  const fingerprint = createHash('sha256').update(JSON.stringify(hook)).digest('base64url').slice(0, 16)
  return { ...hook, key: hook.name ?? fingerprint, fingerprint }
}

/** What a hook is called in front of people: its name, or its place in the config. */
export function hookLabel(hook: NotifyHook, index: number): string {
  return hook.name ?? `notify[${index}]`
}
