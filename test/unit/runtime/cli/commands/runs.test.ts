import { existsSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { runsCommand, sourcesSummary } from '../../../../../runtime/cli/commands/runs.ts'
import { UsageError } from '../../../../../runtime/errors.ts'
import { backUp, makeServer, printed } from '../night.ts'

describe('runs', () => {
  test('says that there is none yet, and makes no store', async () => {
    const { config, folder } = await makeServer()
    const io = printed()
    expect(await runsCommand({ config, limit: 20 }, io)).toBe(0)
    expect(io.out).toBe('no runs yet\n')
    expect(existsSync(join(folder, 'state'))).toBe(false)
    const json = printed()
    expect(await runsCommand({ config, limit: 20, json: true }, json)).toBe(0)
    expect(json.out).toBe('[]\n')
  })

  test('lists the newest first, up to the limit', async () => {
    const server = await makeServer()
    const first = await backUp(server)
    rmSync(join(server.folder, 'www'), { recursive: true })
    const second = await backUp(server)
    const io = printed()
    await runsCommand({ config: server.config, limit: 20 }, io)
    const lines = io.out.trimEnd().split('\n')
    expect(lines[0]).toMatch(/^RUN +STATE +STARTED +TOOK +SOURCES$/)
    expect(lines[1]).toMatch(
      new RegExp(
        `^${second} +failed +\\d{4}-\\d\\d-\\d\\d \\d\\d:\\d\\d:\\d\\d +\\S+ +1 good, 1 failed: www$`,
      ),
    )
    expect(lines[2]).toMatch(new RegExp(`^${first} +succeeded .* 2 good$`))

    const one = printed()
    await runsCommand({ config: server.config, limit: 1, json: true }, one)
    const runs = JSON.parse(one.out)
    expect(one.out.split('\n')).toHaveLength(2)
    expect(runs).toEqual([
      expect.objectContaining({
        run: second,
        state: 'failed',
        sources: [expect.anything(), expect.anything()],
      }),
    ])
  })

  test.each([0, 1.5, Number.NaN])('refuses a limit of %s', async (limit) => {
    await expect(runsCommand({ limit }, printed())).rejects.toThrow(UsageError)
  })
})

describe('sourcesSummary()', () => {
  test('counts the good ones and names the others', () => {
    expect(
      sourcesSummary([
        { source: 'a', state: 'succeeded' },
        { source: 'b', state: 'failed' },
        { source: 'c', state: 'succeeded' },
        { source: 'd', state: 'failed' },
        { source: 'e', state: 'held' },
      ]),
    ).toBe('2 good, 1 held: e, 2 failed: b d')
  })

  test('of no source is none', () => {
    expect(sourcesSummary([])).toBe('none')
  })
})
