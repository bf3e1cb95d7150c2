import { type DescribeRouteOptions, describeRoute, resolver } from 'hono-openapi'
import type * as z from 'zod'
import { type ProblemName, problemMediaType, problems, problemType } from './problem.ts'

interface Description {
  summary: string
  description?: string
  /** What is answered when all is well, by status. */
  answers: Record<number, { description: string; schema?: z.ZodType; media?: string }>
  /** What else may be wrong, beside what the guard refuses. */
  problems?: readonly ProblemName[]
  /** Needs no token. */
  open?: boolean
  parameters?: DescribeRouteOptions['parameters']
  requestBody?: DescribeRouteOptions['requestBody']
}

/** May be answered to any request. */
const always: readonly ProblemName[] = ['cross-site', 'wrong-host', 'rate-limited', 'internal']

/** Says what a route does, for the OpenAPI document. */
export function describe(operationId: string, { answers, open, problems = [], ...rest }: Description) {
  const names = [
    ...(open ? [] : (['unauthorized', 'no-token', 'read-only'] as const)),
    ...problems,
    ...always,
  ]
  const spec = {
    operationId,
    ...rest,
    ...(open && { security: [] }),
    responses: {
      ...Object.fromEntries(Object.entries(answers).map(([status, answer]) => [status, answerOf(answer)])),
      ...problemAnswers(names),
    },
  }
  return describeRoute(spec as DescribeRouteOptions)
}

function answerOf({ description, schema, media = 'application/json' }: Description['answers'][number]) {
  return { description, ...(schema && { content: { [media]: { schema: resolver(schema) } } }) }
}

function problemAnswers(names: readonly ProblemName[]) {
  const byStatus = Map.groupBy([...new Set(names)], (name) => problems[name].status)
  return Object.fromEntries(
    [...byStatus].map(([status, group]) => [
      status,
      {
        description: group.map((name) => `${problems[name].title} (\`${problemType(name)}\`)`).join('; '),
        content: { [problemMediaType]: { schema: { $ref: '#/components/schemas/Problem' } } },
      },
    ]),
  )
}

/** The number of the run, in a path. */
export const runParameter = {
  name: 'id',
  in: 'path',
  required: true,
  description: 'The id of a run, the beginning of one, or `last`.',
  schema: { type: 'string' },
} as const
