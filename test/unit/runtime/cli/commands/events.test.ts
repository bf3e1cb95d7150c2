import { existsSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { describe, expect, test } from 'vitest'
import { envelopeSchema } from '../../../../../events/index.ts'
import { type EventsOptions, eventsCommand } from '../../../../../runtime/cli/commands/events.ts'
import { momentOf } from '../../../../../runtime/cli/moment.ts'
import { Child } from '../../../child.ts'
import { main } from '../../../program.ts'
import { backUp, makeServer, printed, type Server } from '../night.ts'

async function listed({ config }: Server, options: EventsOptions = {}): Promise<string[]> {
  const io = printed()
  expect(await eventsCommand({ config, ...options }, io)).toBe(0)
  expect(io.err).toBe('')
  return io.out.trimEnd().split('\n')
}

describe('events', () => {
  test('says that there are none, and makes no store', async () => {
    const server = await makeServer()
    expect(await listed(server)).toEqual(['no such events'])
    expect(existsSync(join(server.folder, 'state'))).toBe(false)
    await expect(listed(server, { run: 'last' })).rejects.toThrow('there is no run yet')
  })

  test('prints a line an event, the newest last, in columns', async () => {
    const server = await makeServer()
    const run = await backUp(server)
    const lines = await listed(server)
    expect(lines[0]).toMatch(
      new RegExp(`^\\d{4}-\\d\\d-\\d\\d \\d\\d:\\d\\d:\\d\\d  ${run}  run   backup\\.start`),
    )
    expect(lines.at(-1)).toMatch(/ run {3}run\.succeeded$/)
    const synced = lines.filter((line) => line.includes('mirror done'))
    expect(synced).toHaveLength(2)
    expect(new Set(synced.map((line) => line.indexOf('mirror done'))).size).toBe(1)
    const started = lines.find((line) => line.includes('run.started'))
    expect(started?.indexOf('begins: home, www')).toBe(synced[0]?.indexOf('mirror done'))
  })

  test('finds by type, run, source and time, and no more than the limit', async () => {
    const server = await makeServer()
    const first = await backUp(server)
    rmSync(join(server.folder, 'www'), { recursive: true })
    const second = await backUp(server)
    const types = async (options: EventsOptions) =>
      (await listed(server, { ...options, json: true })).map((line) => envelopeSchema.parse(JSON.parse(line)))
    const ends = await types({ type: ['run.*d'] })
    expect(ends.map(({ type, runid }) => [type, runid])).toEqual([
      ['run.started', first],
      ['run.succeeded', first],
      ['run.started', second],
      ['run.failed', second],
    ])
    expect((await types({ type: ['run.failed', 'source.f*'] })).map(({ type }) => type)).toEqual([
      'source.failed',
      'run.failed',
    ])
    expect((await types({ run: 'last', source: 'www' })).map(({ type }) => type)).toEqual([
      'sync.run',
      'source.failed',
      'dead.lettered',
    ])
    expect((await types({ run: first.slice(0, 8), limit: 1 })).map(({ type }) => type)).toEqual([
      'run.succeeded',
    ])
    expect((await types({ since: '1h', source: 'home', type: ['source.*'] })).length).toBe(2)
    expect(await listed(server, { since: '2100-01-01' })).toEqual(['no such events'])
    expect(await listed(server, { type: ['run.?'] })).toEqual(['no such events'])
    await expect(listed(server, { run: 'nobody' })).rejects.toThrow('there is no run "nobody"')
  })

  test('goes on with what comes while another process works, and ends well at Ctrl-C', async () => {
    const server = await makeServer()
    const child = new Child(
      pathToFileURL(main),
      ...['events', '--follow', '--type', 'run.*', '--config', server.config],
    )
    await backUp(server)
    await child.printed(2)
    rmSync(join(server.folder, 'www'), { recursive: true })
    await backUp(server)
    await child.printed(4)
    expect(child.lines.map((line) => line.match(/run\.\w+/)?.[0])).toEqual([
      'run.started',
      'run.succeeded',
      'run.started',
      'run.failed',
    ])
    child.signal('SIGINT')
    expect(await child.ended()).toBe(0)
    expect(child.lines).toHaveLength(4)
  })
})

describe('momentOf()', () => {
  const now = new Date(2026, 10, 22, 14, 30).getTime()

  test.each([
    ['2h', new Date(2026, 10, 22, 12, 30)],
    ['3d', new Date(2026, 10, 19, 14, 30)],
    ['2026-11-22', new Date(2026, 10, 22)],
    ['2026-11-22 01:30', new Date(2026, 10, 22, 1, 30)],
    ['2026-11-22T01:30:00Z', new Date(Date.UTC(2026, 10, 22, 1, 30))],
  ])('takes %s', (text, moment) => expect(new Date(momentOf(text, now))).toEqual(moment))

  test.each(['', '7', 'soon', '2026', '2026-13-01', '11/22/2026'])('refuses %j', (text) => {
    expect(() => momentOf(text, now)).toThrow('is neither a duration nor a day or time')
  })
})
