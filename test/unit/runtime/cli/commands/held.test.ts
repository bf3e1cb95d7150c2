import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { heldCommand } from '../../../../../runtime/cli/commands/held.ts'
import { releaseCommand } from '../../../../../runtime/cli/commands/release.ts'
import { runCommand } from '../../../../../runtime/cli/commands/run.ts'
import { openDatabase } from '../../../../../runtime/core/bus/sqlite/database.ts'
import { makeServer, printed, type Server } from '../night.ts'
import { hdsync, serve } from '../processes.ts'

/** Fills a source: a folder of 10 files in two folders, and three files beside it. */
function fill({ folder }: Server): void {
  mkdirSync(join(folder, 'www', 'old', 'deep'), { recursive: true })
  for (let n = 0; n < 5; n += 1) {
    writeFileSync(join(folder, 'www', 'old', `file${n}`), '')
    writeFileSync(join(folder, 'www', 'old', 'deep', `file${n}`), '')
  }
  for (const name of ['a', 'b', 'c']) writeFileSync(join(folder, 'www', name), '')
}

const shrink = ({ folder }: Server) => rmSync(join(folder, 'www', 'old'), { recursive: true })
const mirrorOf = ({ folder }: Server) => readdirSync(join(folder, 'disk', 'www')).sort()

async function run({ config }: Server): Promise<{ code: number; run: string }> {
  const io = printed()
  const code = await runCommand([], { config, json: true }, io)
  return { code, run: JSON.parse(io.out).run }
}

async function release({ config }: Server, id = 'www') {
  const io = printed()
  const code = await releaseCommand(id, { config }, io)
  return { code, err: io.err, out: io.out }
}

async function held({ config }: Server, id?: string, options = {}) {
  const io = printed()
  await heldCommand(id, { config, ...options }, io)
  return io.out
}

/** A server whose last run held 10 files and 2 folders of 16 entries. */
async function heldServer() {
  const server = await makeServer()
  fill(server)
  expect((await run(server)).code).toBe(0)
  shrink(server)
  const { code, run: id } = await run(server)
  expect(code).toBe(5)
  return { server, run: id }
}

describe('show --held', () => {
  test('says what would go, by folder and name by name, and how it is let go on', async () => {
    const { server, run: id } = await heldServer()
    const text = await held(server, 'www')
    expect(text).toMatch(new RegExp(`^www: held on .*, in run ${id}, hold [\\da-f]{12}\\n`))
    expect(text).toContain('would delete 10 files and 2 folders of 17 entries in the mirror, 8 are allowed\n')
    expect(text).toMatch(/\n +10 +2 +old\/ {2}\(all of it\)\n/)
    expect(text).toMatch(/\ndigest [\da-f]{64}\n/)
    expect(text).toContain('hdsync release www\n')
    const names = (await held(server, 'www', { names: true })).trim().split('\n')
    expect(names).toHaveLength(12)
    expect(names.slice(0, 3)).toEqual(['old/', 'old/deep/', 'old/deep/file0'])
    expect(JSON.parse(await held(server, id, { json: true }))).toMatchObject({
      source: 'www',
      run: id,
      reason: 'deletions',
      files: 10,
      folders: 2,
      byFolder: [{ path: 'old/', files: 10, folders: 2, whole: true }],
      names,
    })
    expect(JSON.parse(await held(server, undefined, { json: true }))).toMatchObject([{ source: 'www' }])
  })

  test('says so when nothing is held', async () => {
    const server = await makeServer()
    expect(await held(server)).toBe('nothing is held\n')
    await run(server)
    expect(await held(server, undefined, { json: true })).toBe('[]\n')
    await expect(held(server, 'www')).rejects.toThrow('nothing is held under "www"')
  })
})

describe('release', () => {
  test('lets go on what is held, once it has shown it', async () => {
    const { server } = await heldServer()
    const { code, err, out } = await release(server)
    expect(code).toBe(0)
    expect(err).toMatch(/^www: held on [\s\S]*would delete 10 files and 2 folders[\s\S]*begins: www/)
    expect(out).toContain('succeeded')
    expect(mirrorOf(server)).toEqual(['a', 'b', 'c', 'file'])
    expect(existsSync(join(server.folder, 'state', 'held'))).toBe(true)
    expect(readdirSync(join(server.folder, 'state', 'held'))).toEqual([])
  })

  test('deletes nothing after a success, whatever is gone by then', async () => {
    const { server, run: first } = await heldServer()
    const second = await run(server)
    expect(second.code).toBe(5)
    fill(server)
    const good = await run(server)
    expect(good.code).toBe(0)
    shrink(server)
    for (const [id, hold] of [
      ['www', second.run],
      [second.run, second.run],
      [first, first],
    ] as const) {
      const why =
        hold === first
          ? `the hold of www in run ${first} was followed by that in run ${second.run}`
          : `www was synced again in run ${good.run}, after it was held in run ${second.run}`
      await expect(release(server, id)).rejects.toThrow(`nothing is held under ${JSON.stringify(id)}: ${why}`)
    }
    expect(mirrorOf(server)).toContain('old')
  })

  test('is used up: a second one says in which run', async () => {
    const { server, run: held } = await heldServer()
    const { out } = await release(server)
    const released = /run (\w+) succeeded/.exec(out)?.[1]
    await expect(release(server, held)).rejects.toThrow(
      `nothing is held under "${held}": the hold of www in run ${held} was released in run ${released}`,
    )
  })

  test('of what a run of version 0.1 has held asks for another look', async () => {
    const { server } = await heldServer()
    const database = openDatabase(join(server.folder, 'state'))
    const data = '{"source":"www","deletions":12,"deleted":0,"mirrorFiles":17,"limit":8}'
    database.exec(`UPDATE event SET data = '${data}' WHERE type = 'sync.held'`)
    database.close()
    expect(await held(server, 'www')).toContain('it cannot be released, as what would go is not on record')
    await expect(release(server)).rejects.toMatchObject({
      message: 'what the hold of www would delete is not on record: it cannot be released',
      hint: 'hdsync run www looks again; what is held then can be',
    })
    await run(server)
    expect((await release(server)).code).toBe(0)
  })

  test('has the daemon do it, and is refused by it all the same', async () => {
    const { server } = await heldServer()
    await serve(server)
    const released = hdsync(server, 'release', 'www', '--json')
    const { code, out } = await released.ended
    expect([code, JSON.parse(out)]).toEqual([0, expect.objectContaining({ state: 'succeeded' })])
    const again = hdsync(server, 'release', 'www')
    expect((await again.ended).code).toBe(2)
    expect(again.said()).toContain('nothing is held under "www": the hold of www in run')
  })
})
