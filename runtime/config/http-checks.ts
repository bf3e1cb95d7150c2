import type * as z from 'zod'
import { backupRequest, backupStart, catalogue } from '../../events/index.ts'
import { didYouMean } from '../nearest.ts'
import { withoutAllowance } from './allowance.ts'
import { validate } from './findings.ts'
import { type httpSchema, isLoopback, type ListenAddress } from './http.ts'
import type { Loose } from './loose.ts'
import { either, type Finding } from './problem.ts'

type Http = Loose<z.output<typeof httpSchema>>

/** What `http:` alone cannot know: whether it is safe, and whether its webhooks become events that there are. */
export function checkHttp(
  { listen, webhooks = {} }: Http,
  { hasToken, sourceNames }: { hasToken: boolean; sourceNames: readonly string[] },
): Finding[] {
  return [
    ...(hasToken ? [] : openToAll(listen as ListenAddress | undefined)),
    ...Object.entries(webhooks).flatMap(([name, { event, data = {} } = {}]) => {
      const path = ['http', 'webhooks', name]
      if (event === undefined) return []
      return [...unknownEvent(event, path), ...wrongData({ event, data }, sourceNames, path)]
    }),
  ]
}

function openToAll(listen: ListenAddress | undefined): Finding[] {
  if (!listen || isLoopback(listen)) return []
  return [
    {
      path: ['http', 'listen'],
      expected: 'an address of this box alone, such as 127.0.0.1, as there is no `tokenFile`',
      hint: 'whoever reaches it could start and cancel backups: make a token (openssl rand -hex 32) and name its file',
    },
  ]
}

function unknownEvent(type: string, path: string[]): Finding[] {
  const triggerable = [...catalogue.values()].filter((event) => event.triggerable).map((event) => event.type)
  if (triggerable.includes(type)) return []
  const hint = catalogue.has(type) ? `${type} is made by hdsync itself` : didYouMean(type, triggerable)
  return [
    { path: [...path, 'event'], expected: `an event that may be asked for: ${either(triggerable)}`, hint },
  ]
}

function wrongData(
  { event, data }: { event: string; data: object },
  sourceNames: readonly string[],
  path: string[],
) {
  const definition = catalogue.get(event)
  if (!definition?.triggerable) return []
  const { findings } = validate(definition.request, withoutAllowance({ event, data }))
  const known =
    sourceNames.length > 0 ? `the name of a source: ${either(sourceNames)}` : 'a source of `sources`'
  const unknown = unknownSources(event, data, sourceNames).map(
    ({ name, at }): Finding => ({ path: at, expected: known, hint: didYouMean(name, sourceNames) }),
  )
  return [...findings, ...unknown].map((finding) => ({
    ...finding,
    path: [...path, 'data', ...finding.path],
  }))
}

/** The sources that a request for a run names and that the config does not have, each with its place in the data. */
function unknownSources(
  type: string,
  data: object,
  sourceNames: readonly string[],
): { name: string; at: (string | number)[] }[] {
  const request =
    type === backupStart.type
      ? backupRequest.safeParse(withoutAllowance({ event: type, data })).data
      : undefined
  const { sources = [] } = request ?? {}
  return sources
    .map((name, i) => ({ name, at: ['sources', i] }))
    .filter(({ name }) => !sourceNames.includes(name))
}
