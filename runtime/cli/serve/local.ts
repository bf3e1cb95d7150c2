import * as z from 'zod'
import { backupStart } from '../../../events/index.ts'
import { HdsyncError, hintOf } from '../../errors.ts'
import type { Service } from './service.ts'

/** What the daemon works by, and at: `GET /status`. */
export const daemonStatus = z.object({
  config: z.string(),
  digest: z.string(),
  pid: z.int(),
  /** The run that is going on. */
  run: z.string().nullable(),
})

/** What `POST /runs` takes. */
const runRequest = z.object({ source: z.string(), data: backupStart.schema })

const problemJson = { 'content-type': 'application/problem+json' }

/**
 * What the other commands of hdsync ask the daemon for over its unix socket, beside the public API: its config and
 * state, to read the config again, and a run that is begun only if none is going on.
 * @returns undefined when the request is for the public API.
 */
export function createLocalAnswers(service: Service): (request: Request) => Promise<Response> | undefined {
  let last: Promise<unknown> = Promise.resolve()
  const routes = new Map<string, (request: Request) => Promise<Response>>([
    ['GET /status', async () => Response.json(statusOf(service))],
    [
      'POST /reload',
      async () => {
        await service.reload()
        return Response.json(statusOf(service))
      },
    ],
    [
      'POST /runs',
      (request) => {
        // One after the other: between the question whether a run is going on and its beginning nobody may come.
        const answer = last.then(() => begin(service, request))
        last = answer.catch(() => {})
        return answer
      },
    ],
  ])
  return (request) => {
    const answer = routes.get(`${request.method} ${new URL(request.url).pathname}`)
    return answer?.(request).catch((error: Error) =>
      refusal(422, 'This cannot be done', error.message, hintOf(error)),
    )
  }
}

function statusOf({ config, engine }: Service): z.output<typeof daemonStatus> {
  const { file, digest } = config
  return { config: file, digest, pid: process.pid, run: engine.current() ?? null }
}

async function begin({ engine }: Service, request: Request): Promise<Response> {
  const { source, data } = runRequest.parse(await request.json())
  const going = engine.current() ?? engine.bus.heldRun()
  if (going) return refusal(409, 'Another run is going on', going)
  try {
    const { runId } = await engine.submit({ type: backupStart.type, source, data })
    return Response.json({ run: runId }, { status: 202 })
  } catch (error) {
    if (!(error instanceof HdsyncError)) throw error
    return refusal(422, 'The run cannot begin', error.message, error.hint)
  }
}

function refusal(status: number, title: string, detail: string, hint?: string): Response {
  const body = { type: 'about:blank', title, status, detail, ...(hint && { hint }) }
  return Response.json(body, { status, headers: problemJson })
}
