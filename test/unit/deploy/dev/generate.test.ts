import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { textOf as contentOf, generated } from '../../../../deploy/dev/generate.ts'
import { metrics } from '../../../../runtime/http/metrics/catalogue.ts'
import { isPagePath } from '../../../../runtime/http/page-paths.ts'
import { problems, problemType } from '../../../../runtime/http/problem.ts'
import { makeService } from '../../runtime/http/service.ts'

const textOf = (file: string) => readFileSync(join(import.meta.dirname, '../../../..', file), 'utf8')

describe('what is generated', () => {
  test.each(generated)('$file is what the code says: else `npm run generate`', async (one) => {
    expect(textOf(one.file)).toBe(await contentOf(one))
  })

  test('names metrics that there are, and the dashboard shows every one', () => {
    const named = (file: string) => new Set(textOf(file).match(/\bhdsync_[a-z_]+/g) ?? [])
    const known = new Set<string>(Object.keys(metrics))
    const shown = named('deploy/grafana/hdsync.json')
    expect(
      [...shown, ...named('deploy/prometheus/hdsync.rules.yml')].filter((name) => !known.has(name)),
    ).toEqual([])
    expect([...known].filter((name) => !shown.has(name))).toEqual([])
  })

  test('names every problem in the document', () => {
    const document = textOf('deploy/openapi.json')
    const anywhere = ['malformed-request', 'unknown-path', 'wrong-method', 'too-slow', 'headers-too-large']
    const missing = Object.keys(problems).filter((name) => !document.includes(problemType(name as never)))
    expect(missing).toEqual(anywhere)
  })
})

test('a daemon answers with the document that lies in the repository, of its own version', async () => {
  const { request } = await makeService()
  const { info, ...served } = (await (await request('/openapi.json')).json()) as { info: { version: string } }
  const { info: written, ...rest } = parse(textOf('deploy/openapi.json'))
  expect(served).toEqual(rest)
  expect(info).toEqual({ ...written, version: '9.9.9' })
})

test('every path of the document is one that is answered, and the other way round', async () => {
  const { app } = await makeService()
  const document = parse(textOf('deploy/openapi.json')) as { paths: Record<string, object> }
  const written = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method.toUpperCase()} ${path.replaceAll(/\{(\w+)\}/g, ':$1')}`),
  )
  const answered = app.routes
    // The page is for people; programs are told of the API.
    .filter(({ method, path }) => method !== 'ALL' && !isPagePath(path))
    .map(({ method, path }) => `${method} ${path}`)
  expect(written.sort()).toEqual([...new Set(answered)].sort())
})
