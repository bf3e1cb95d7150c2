import { existsSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { deadCommand } from '../../../../../runtime/cli/commands/dead.ts'
import { backUp, makeServer, printed } from '../night.ts'

describe('dead', () => {
  test('says that there is none, and makes no store', async () => {
    const { config, folder } = await makeServer()
    const [io, json] = [printed(), printed()]
    expect(await deadCommand({ config }, io)).toBe(0)
    expect(await deadCommand({ config, json: true }, json)).toBe(0)
    expect([io.out, json.out]).toEqual(['no dead letters\n', '[]\n'])
    expect(existsSync(join(folder, 'state'))).toBe(false)
  })

  test('lists what was given up, the newest first, and how to take it up again', async () => {
    const server = await makeServer()
    rmSync(join(server.folder, 'www'), { recursive: true })
    const runs = [await backUp(server), await backUp(server)]
    const io = printed()
    expect(await deadCommand({ config: server.config }, io)).toBe(0)
    const lines = io.out.trimEnd().split('\n')
    expect(lines[0]).toMatch(/^ *ID +GIVEN UP +FUNCTION +EVENT +SOURCE +ATTEMPTS +ERROR$/)
    expect(lines[1]).toMatch(
      /^ *\d+ +\d{4}-\d\d-\d\d \d\d:\d\d:\d\d +sync\.run +sync\.run +www +1 +cannot read \S+\/www: it does not exist$/,
    )
    const json = printed()
    await deadCommand({ config: server.config, json: true }, json)
    const letters = JSON.parse(json.out)
    expect(letters).toEqual(
      runs.reverse().map((run) => ({
        id: expect.any(Number),
        at: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
        function: 'sync.run',
        event: 'sync.run',
        tellsOf: null,
        source: 'www',
        run,
        tries: 1,
        error: `cannot read ${server.folder}/www: it does not exist`,
      })),
    )
    expect(lines.at(-1)).toBe(`take one up again: hdsync redrive ${letters[0].id}`)
  })

  test('leaves as much of an error as fits on the terminal', async () => {
    const server = await makeServer()
    rmSync(join(server.folder, 'www'), { recursive: true })
    await backUp(server)
    const io = printed()
    io.width = 100
    await deadCommand({ config: server.config }, io)
    const [, line = ''] = io.out.split('\n')
    expect(line.length).toBeLessThanOrEqual(100)
    expect(line).toMatch(/ cannot read .*…$/)
  })
})
