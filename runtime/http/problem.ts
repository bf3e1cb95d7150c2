import { hintOf } from '../errors.ts'
import type { ProblemBody } from './problem-schema.ts'
import { respondJson } from './respond.ts'

/**
 * Everything that can be wrong with a request, by the name that its `type` ends with. Names and statuses are a
 * contract: clients tell problems apart by them.
 */
export const problems = {
  'malformed-request': { status: 400, title: 'The request is not proper HTTP' },
  'malformed-body': { status: 400, title: 'The body is not JSON in UTF-8' },
  'invalid-event': { status: 400, title: 'This is no CloudEvents 1.0 message' },
  'invalid-parameter': { status: 400, title: 'A parameter is not valid' },
  unauthorized: { status: 401, title: 'The bearer token is missing or wrong' },
  'bad-signature': { status: 401, title: 'The webhook is not signed as it should be' },
  'cross-site': { status: 403, title: 'Another web site may not make this request' },
  'read-only': { status: 403, title: 'Who only looks changes nothing' },
  'no-token': { status: 403, title: 'Without a token this port only answers questions' },
  'not-triggerable': { status: 403, title: 'Events of this type are made by hdsync alone' },
  'restore-not-allowed': { status: 403, title: 'This port takes no restores' },
  'unknown-path': { status: 404, title: 'There is nothing at this path' },
  'unknown-run': { status: 404, title: 'There is no such run' },
  'unknown-webhook': { status: 404, title: 'There is no such webhook' },
  'unknown-dead-letter': { status: 404, title: 'There is no such dead letter' },
  'nothing-held': { status: 404, title: 'Nothing is held under this id' },
  'wrong-method': { status: 405, title: 'This path does not take the method' },
  'too-slow': { status: 408, title: 'The request took too long to arrive' },
  'run-ended': { status: 409, title: 'The run has ended' },
  'cannot-redrive': { status: 409, title: 'The dead letter cannot be taken up again' },
  'cannot-release': { status: 409, title: 'The hold cannot be released' },
  'another-run': { status: 409, title: 'Another run is going on' },
  'cannot-restore': { status: 409, title: 'The restore cannot be done' },
  'plan-changed': { status: 409, title: 'The restore would do something else than the plan that was shown' },
  'too-many-deletions': { status: 409, title: 'The restore would delete more than its source allows' },
  'body-too-large': { status: 413, title: 'The body is too large' },
  'batch-too-long': { status: 413, title: 'The batch has too many events' },
  'wrong-content-type': { status: 415, title: 'The body is of a type that is not taken' },
  'wrong-host': { status: 421, title: 'This is not the host that was asked for' },
  'unknown-event-type': { status: 422, title: 'There are no events of this type' },
  'invalid-data': { status: 422, title: 'The data does not fit the type of the event' },
  'invalid-restore': { status: 422, title: 'There is nothing to restore as it was asked for' },
  'rate-limited': { status: 429, title: 'This client makes too many requests' },
  busy: { status: 429, title: 'Too much is going on at the moment' },
  'headers-too-large': { status: 431, title: 'The headers are too large' },
  internal: { status: 500, title: 'Something went wrong in hdsync' },
  unavailable: { status: 503, title: 'hdsync cannot take events at the moment' },
} as const

export type ProblemName = keyof typeof problems

/** One thing that is wrong with a body. */
export type Flaw = NonNullable<ProblemBody['errors']>[number]

interface Extras {
  hint?: string | undefined
  /** Everything that is wrong, where several things may be. */
  errors?: Flaw[]
  headers?: Readonly<Record<string, string>>
}

export const problemMediaType = 'application/problem+json'

/** A request that cannot be met: thrown by whoever notices, answered in one place. */
export class Problem extends Error {
  override readonly name = 'Problem'
  readonly problem: ProblemName
  readonly extras: Extras

  /** @param detail About this request, for people: what was wrong, and what to do unless `hint` says so. */
  constructor(problem: ProblemName, detail: string, extras: Extras = {}) {
    super(detail)
    this.problem = problem
    this.extras = extras
  }

  get status() {
    return problems[this.problem].status
  }

  toJSON(): ProblemBody {
    const { status, title } = problems[this.problem]
    const { hint, errors } = this.extras
    return {
      type: problemType(this.problem),
      title,
      status,
      detail: this.message,
      ...(hint && { hint }),
      ...(errors && { errors }),
    }
  }
}

/** @param error That keeps the bus from going on. */
export function storeFailed(error: Error): Problem {
  return new Problem('unavailable', `nothing can be recorded: ${error.message}`, {
    hint: hintOf(error),
  })
}

/** The identifier of a problem, which never changes. */
export function problemType(name: ProblemName): string {
  return `urn:hdsync:problem:${name}`
}

export function problemResponse(problem: Problem): Response {
  return respondJson(problem, problem.status, { 'content-type': problemMediaType, ...problem.extras.headers })
}
