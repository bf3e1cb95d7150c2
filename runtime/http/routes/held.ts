import * as z from 'zod'
import { dismissalsOf } from '../../backup/holds/dismiss.ts'
import { describeHold, NothingHeldError } from '../../backup/holds/holds.ts'
import { UsageError } from '../../errors.ts'
import { heldLists } from '../../host/mirror/held-lists.ts'
import { recordAct } from '../audit.ts'
import type { App, AppContext } from '../context.ts'
import { describe } from '../describe.ts'
import { Problem } from '../problem.ts'
import { respondJson } from '../respond.ts'

const count = z.int().min(0)
const fileSystem = z.lazy(() =>
  z.object({
    id: z.string(),
    type: z.string(),
    at: z.string(),
    subvolume: z.string().optional(),
    inode: z.string(),
  }),
)

const holdSchema = z.lazy(() =>
  z.object({
    hold: z.string().nullable().describe('Its id. Without one it cannot be released: run the source again.'),
    source: z.string(),
    run: z.string().describe('The run in which it was held.'),
    at: z.iso.datetime(),
    reason: z.enum(['deletions', 'changes', 'file-system']),
    deletions: count.describe('What would be deleted, and what was, in all.'),
    files: count.nullable(),
    folders: count.nullable(),
    deleted: count.describe('What was deleted before the copy was stopped.'),
    mirrorFiles: count.describe('Entries of the mirror, folders and all.'),
    limit: count.describe('Deletions that the source allows.'),
    digest: z
      .string()
      .nullable()
      .describe('SHA-256 of the names that would go, and of files that would be changed.'),
    byFolder: z
      .array(z.object({ path: z.string(), files: count, folders: count, whole: z.boolean() }))
      .describe('Out of which folders most would go; `whole`: the folder with all that is in it.'),
    changes: z
      .object({
        files: count,
        limit: count.describe('Changed files that the source allows.'),
        mirrorFiles: count.describe('Regular files of the mirror.'),
        byFolder: z.array(z.object({ path: z.string(), files: count })),
      })
      .nullable()
      .describe('Files that would get other contents, where those are too many.'),
    fileSystem: z
      .object({ was: fileSystem, is: fileSystem })
      .nullable()
      .describe('Where the source lay at its last good copy, and where it lies now, if that is the reason.'),
  }),
)

const list = describe('listHolds', {
  summary: 'The syncs that wait for a release',
  description: 'The list that `hdsync show --held --json` prints.',
  answers: { 200: { description: 'Holds.', schema: z.array(holdSchema) } },
})

const holdParameter = {
  name: 'id',
  in: 'path',
  required: true,
  description: 'The id of a hold, the name of its source, or its run.',
  schema: { type: 'string' },
} as const

const dismiss = describe('dismissHold', {
  summary: 'Let a hold wait no more',
  description: 'Nothing is deleted; the next run of its sources looks anew.',
  parameters: [holdParameter],
  answers: {
    200: { description: 'It waits no more.', schema: z.object({ dismissed: z.array(z.string()) }) },
  },
  problems: ['nothing-held', 'cannot-release', 'unavailable'],
})

const release = describe('releaseHold', {
  summary: 'Let a held sync go on',
  description:
    'Its sources are run again, with leave to delete and change what they were held for; what else would be by then counts against their limits. One sync uses a release up.',
  parameters: [holdParameter],
  answers: {
    202: {
      description: 'The run is asked for.',
      schema: z.object({ run: z.string(), sources: z.array(z.string()) }),
    },
  },
  problems: ['nothing-held', 'cannot-release', 'unavailable'],
})

export function heldRoutes(app: App, context: AppContext): void {
  const { engine } = context
  app.get('/held', list, () => respondJson(engine.held().map(describeHold)))

  app.post('/held/:id/release', release, async (c) => {
    const { runId, sources } = await releaseHolds(c.req.param('id'), context)
    await recordAct(c, context, 'release', sources.join(' '))
    return respondJson({ run: runId, sources }, 202, { location: `/runs/${runId}` })
  })

  app.post('/held/:id/dismiss', dismiss, async (c) => {
    const dismissed = await dismissHolds(c.req.param('id'), context)
    await recordAct(c, context, 'dismiss', dismissed.join(' '))
    return respondJson({ dismissed })
  })
}

/** Lets what is held go on. @throws {Problem} Nothing is held under this id, or it cannot be released. */
export async function releaseHolds(
  id: string,
  { engine }: Pick<AppContext, 'engine'>,
): Promise<{ runId: string; sources: string[] }> {
  const { runId, holds } = await engine.release(id).catch(refuse)
  return { runId, sources: holds.map(({ source }) => source) }
}

/** Lets what is held wait no more. @returns The sources. @throws {Problem} Nothing is held under this id. */
export async function dismissHolds(
  id: string,
  { engine, config }: Pick<AppContext, 'engine' | 'config'>,
): Promise<string[]> {
  try {
    const { bus, journal } = engine
    const dismissals = dismissalsOf({ bus, journal, config, lists: heldLists(config.state) }, id)
    for (const { type, data } of dismissals) await engine.prepare({ type, data })()
    return dismissals.map(({ data }) => data.source)
  } catch (error) {
    return refuse(error as Error)
  }
}

function refuse(error: Error): never {
  if (!(error instanceof UsageError)) throw error
  const problem = error instanceof NothingHeldError ? 'nothing-held' : 'cannot-release'
  throw new Problem(problem, error.message, { hint: error.hint })
}
