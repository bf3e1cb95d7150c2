import * as z from 'zod'
import { backupRequest, backupStart } from '../../../events/index.ts'
import { HdsyncError, hintOf } from '../../errors.ts'
import type { DirectRoutes } from '../../http/direct.ts'
import { type Answer, answerJson, type Question } from '../../http/exchange.ts'
import { problemMediaType } from '../../http/problem.ts'
import type { Service } from './service.ts'

/** What the daemon works by, or will once what is going on has ended, and at: `GET /status`. */
export const daemonStatus = z.lazy(() =>
  z.object({
    config: z.string(),
    digest: z.string(),
    pid: z.int(),
    /** The run that is going on. */
    run: z.string().nullable(),
  }),
)

/** What `POST /runs` takes. */
const runRequest = z.lazy(() =>
  z.object({
    source: z.string(),
    data: backupRequest.optional(),
    /** A hold that is released, instead. */
    release: z.string().optional(),
  }),
)

/**
 * What the other commands of hdsync ask the daemon for over its unix socket, beside the public API: its config and
 * state, to read the config again, and a run that is begun only if none is going on.
 */
export function localRoutes(service: () => Service): DirectRoutes {
  let last: Promise<unknown> = Promise.resolve()
  const routes: [string, (question: Question) => Promise<Answer>][] = [
    ['GET /status', async () => answerJson(statusOf(service()))],
    [
      'POST /reload',
      async () => {
        await service().reload()
        return answerJson(statusOf(service()))
      },
    ],
    [
      'POST /runs',
      (question) => {
        // One after the other: between the question whether a run is going on and its beginning nobody may come.
        const answer = last.then(() => begin(service(), question))
        last = answer.catch(() => {})
        return answer
      },
    ],
  ]
  const refuse = (error: Error) => refusal(422, 'This cannot be done', error.message, hintOf(error))
  return new Map(routes.map(([name, answer]) => [name, (question) => answer(question).catch(refuse)]))
}

function statusOf({ wanted, engine }: Service): z.output<typeof daemonStatus> {
  const { file, digest } = wanted
  return { config: file, digest, pid: process.pid, run: engine.current() ?? null }
}

async function begin({ engine }: Service, question: Question): Promise<Answer> {
  const { source, data, release } = runRequest.parse(JSON.parse(await question.text()))
  const going = engine.current() ?? engine.bus.heldRun()
  if (going) return refusal(409, 'Another run is going on', going)
  try {
    const { runId } = await (release === undefined
      ? engine.submit({ type: backupStart.type, source, data })
      : engine.release(release, source))
    return answerJson({ run: runId }, 202)
  } catch (error) {
    if (!(error instanceof HdsyncError)) throw error
    return refusal(422, 'The run cannot begin', error.message, error.hint)
  }
}

function refusal(status: number, title: string, detail: string, hint?: string): Answer {
  const body = { type: 'about:blank', title, status, detail, ...(hint && { hint }) }
  return answerJson(body, status, { 'content-type': problemMediaType })
}
