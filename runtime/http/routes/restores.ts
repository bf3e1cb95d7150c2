import { resolver } from 'hono-openapi'
import * as z from 'zod'
import { planJson } from '../../backup/restore/plan/plan-json.ts'
import { socketPath } from '../../config/socket.ts'
import { recordAct } from '../audit.ts'
import type { App, AppContext } from '../context.ts'
import { describe } from '../describe.ts'
import { Problem } from '../problem.ts'
import { readText } from '../receive/body.ts'
import { askRestore, beginRestore, restoreBody } from '../receive/restores.ts'
import { respondJson } from '../respond.ts'

const count = z.int().min(0)
const tally = z.object({ entries: count, sizeBytes: count })

const stranger = z.lazy(() =>
  z.object({
    id: count,
    name: z.string(),
    here: z.string().optional().describe('Whose the number is here.'),
  }),
)

const planSchema = z.lazy(() =>
  z.object({
    hash: z.string().describe('Sent back, the restore is done if its plan is still this one.'),
    point: z
      .looseObject({
        id: z.string(),
        source: z.string(),
        kind: z.string(),
        at: z.string(),
        target: z.string(),
      })
      .describe('The restore point, as `hdsync backups --json` prints it.'),
    root: z.string().describe('The folder that takes the place of the folder of the source.'),
    created: tally,
    replaced: tally,
    deleted: tally,
    folders: count.describe('Folders that get back their attributes alone.'),
    unchanged: count,
    damage: z.string().nullable().describe('Why not all of it can be read.'),
    owners: z.enum(['keep', 'names', 'me']),
    namesNotHere: z
      .object({ users: z.array(stranger), groups: z.array(stranger) })
      .nullable()
      .describe('With `names`: owners whose names this machine does not have; their numbers stay.'),
    actions: z.array(
      z.object({
        op: z.enum(['create', 'replace', 'delete', 'folder']),
        path: z.string().describe('Below `root`; of a folder that is created, what is in it is not listed.'),
        pathBase64: z.string().optional().describe('Its bytes, where they are no UTF-8.'),
        type: z.string(),
      }),
    ),
  }),
)

const description = describe('restore', {
  summary: 'Bring back what was backed up: first the plan, then the restore',
  description:
    'Without `hash`, what would be done is answered, and nothing is done. With the `hash` of that answer and all else as before, it is done, unless something has changed since. A restore writes as root: a port takes it only with `http.restore: true` in the config; the unix socket always does.',
  requestBody: { required: true, content: { 'application/json': { schema: resolver(restoreBody) } } },
  answers: {
    200: { description: 'What `hdsync restore --dry-run --json` prints.', schema: planSchema },
    202: {
      description: 'The run is asked for; `location` names it.',
      schema: z.object({ run: z.string() }),
    },
  },
  problems: [
    'malformed-body',
    'body-too-large',
    'restore-not-allowed',
    'another-run',
    'cannot-restore',
    'plan-changed',
    'too-many-deletions',
    'invalid-restore',
    'busy',
    'unavailable',
  ],
})

export function restoreRoutes(app: App, context: AppContext): void {
  const { config, trusted } = context
  app.post('/restores', description, async (c) => {
    const { req } = c
    if (!trusted && !config.http?.restore) throw notAllowed(socketPath(config))
    const { plan, agreed } = await askRestore(await readText(req), context, req.raw.signal)
    if (!agreed) return respondJson(planJson(plan))
    const run = await beginRestore(agreed, context)
    await recordAct(c, context, 'restore', `${agreed.source} into ${agreed.request.root}`)
    return respondJson({ run }, 202, { location: `/runs/${run}` })
  })
}

function notAllowed(socket: string): Problem {
  return new Problem(
    'restore-not-allowed',
    'a restore writes as root: this port takes it only with `http.restore: true` in the config',
    { hint: `set it, or use the socket: curl --unix-socket ${socket} http://localhost/restores` },
  )
}
