import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { whyCommand } from '../../../../../runtime/cli/commands/why.ts'
import { openDatabase } from '../../../../../runtime/core/bus/sqlite/database.ts'
import { backUp, makeServer, printed, type Server } from '../night.ts'
import { leaveRefusedNight } from '../refused-night.ts'

async function why({ config }: Server, source: string, options = {}): Promise<string> {
  const io = printed()
  expect(await whyCommand(source, { config, ...options }, io)).toBe(0)
  expect(io.err).toBe('')
  return io.out
}

const json = async (server: Server, source: string) => JSON.parse(await why(server, source, { json: true }))

describe('why', () => {
  test('of a source that has never been backed up says so, and makes no store', async () => {
    const server = await makeServer()
    expect(await why(server, 'www')).toBe('www has not been backed up yet\n  hdsync run www\n')
    expect(await json(server, 'www')).toEqual({
      source: 'www',
      state: 'waiting',
      failure: null,
      lastGood: null,
      warnings: [],
      remedy: [],
    })
    expect(existsSync(join(server.folder, 'state'))).toBe(false)
  })

  test('of a source that is not in the config names the nearest', async () => {
    const server = await makeServer()
    await expect(why(server, 'hom')).rejects.toMatchObject({ hint: 'did you mean `home`?' })
  })

  test('of a good source says since when', async () => {
    const server = await makeServer()
    const run = await backUp(server)
    expect(await why(server, 'www')).toMatch(
      new RegExp(
        `^www succeeded on \\w+day \\d{4}-\\d\\d-\\d\\d [\\d:]{8} \\(run ${run}\\); no failure is on record\\n$`,
      ),
    )
    expect(await json(server, 'www')).toMatchObject({ state: 'succeeded', failure: null, lastGood: { run } })
  })

  test('tells what failed, what was done about it, and what to do', async () => {
    const server = await makeServer()
    const good = await backUp(server)
    rmSync(join(server.folder, 'www'), { recursive: true })
    const run = await backUp(server)
    const text = await why(server, 'www')
    expect(text).toMatch(
      new RegExp(`^www failed on \\w+day .* \\(run ${run}\\)\\nWhat +copying \\(sync\\.run\\): cannot read `),
    )
    expect(text).toContain(
      'hdsync    its mirror was not touched\n          went on with the others: home succeeded\n',
    )
    expect(text.replace(/\s+/g, ' ')).toContain(`the last good backup is that of`)
    expect(text).toContain(good)
    expect(text).toMatch(/\n {10}\$ hdsync run www\n$/)
    expect(await json(server, 'www')).toMatchObject({
      state: 'failed',
      failure: { run, step: 'sync.run', trial: 1, trials: 1, command: null, mirrorTouched: false },
      lastGood: { run: good },
    })
  })

  test('of a failure that is over says so first, and asks for nothing', async () => {
    const server = await makeServer()
    rmSync(join(server.folder, 'www'), { recursive: true })
    const bad = await backUp(server)
    mkdirSync(join(server.folder, 'www'))
    writeFileSync(join(server.folder, 'www', 'file'), 'www')
    const run = await backUp(server)
    const text = await why(server, 'www')
    expect(text).toMatch(
      new RegExp(
        `^www succeeded on .* \\(run ${run}\\)\\n\\nBefore that, www failed on .* \\(run ${bad}\\)\\n`,
      ),
    )
    expect(text).toContain('Since     it has succeeded again, see above\n')
    expect(text).not.toContain('To do')
    expect(await json(server, 'www')).toMatchObject({ state: 'succeeded', failure: { run: bad }, remedy: [] })
  })

  test('of a degraded source tells the warnings of its last run, and what to do about each', async () => {
    const server = await makeServer()
    chmodSync(join(server.folder, 'disk'), 0o755)
    const run = await backUp(server)
    const text = await why(server, 'www')
    expect(text).toMatch(
      new RegExp(
        `^www is degraded: backed up on \\w+day .* \\(run ${run}\\), with warnings\\nWhat +opening the backup disk \\(target\\.open\\): others than root can`,
      ),
    )
    expect(text).toMatch(/\nTo do +The backup is good\.[^$]*\$ hdsync check\n$/)
    expect(await json(server, 'www')).toMatchObject({
      state: 'degraded',
      failure: null,
      lastGood: { run },
      warnings: [{ step: 'target.open', reason: expect.stringContaining('hdsync target adopt --all') }],
      remedy: [expect.stringContaining('The backup is good'), '$ hdsync check'],
    })
  })

  test('of entries that could not be copied tells which, and what to do, before an earlier failure', async () => {
    const server = await makeServer()
    rmSync(join(server.folder, 'www'), { recursive: true })
    const bad = await backUp(server)
    mkdirSync(join(server.folder, 'www'))
    writeFileSync(join(server.folder, 'www', 'file'), 'www')
    const run = await backUp(server)
    const database = openDatabase(join(server.folder, 'state'))
    database.exec(`UPDATE event SET data = json_set(data, '$.warning', '1 could not be copied: x (too long)')
      WHERE type = 'source.synced' AND subject = 'www'`)
    database.close()
    const text = await why(server, 'www')
    expect(text).toMatch(new RegExp(`^www is degraded: .* \\(run ${run}\\), with warnings\\n`))
    expect(text).toContain(
      '\nWhat      what was copied (source.synced): 1 could not be copied: x (too long)\nTo do ',
    )
    expect(text).toMatch(
      new RegExp(` \\$ hdsync run www\\n\\nBefore that, www failed on .* \\(run ${bad}\\)\\nWhat `),
    )
    expect(text.match(/To do/g)).toHaveLength(1)
    expect(text).toMatch(/Since {5}it has succeeded again, see above\n$/)
  })

  test('of a failed command shows its exit code and the end of what it said', async () => {
    const server = await makeServer()
    await backUp(server)
    // Of something that is not known to be harmless.
    writeFileSync(
      join(server.folder, 'rsync'),
      '#!/bin/sh\n[ $1 = --version ] || { echo something new >&2; exit 23; }\necho version 3.5.0\n',
      {
        mode: 0o755,
      },
    )
    vi.stubEnv('PATH', `${server.folder}:${process.env.PATH}`)
    onTestFinished(() => void vi.unstubAllEnvs())
    writeFileSync(join(server.folder, 'home', 'file'), 'changed')
    await backUp(server, { sources: ['home'] })
    const text = await why(server, 'home')
    expect(text).toMatch(/\nCommand +\$ rsync --archive .*\n +exit code 23\n/)
    expect(text).toMatch(/rsync names them above/)
    expect(await json(server, 'home')).toMatchObject({
      failure: { command: { argv: expect.arrayContaining(['rsync']), exitCode: 23, signal: null } },
    })
  })

  test('of a held sync says what it waits for', async () => {
    const server = await makeServer()
    for (const name of ['a', 'b', 'c']) writeFileSync(join(server.folder, 'www', name), name)
    await backUp(server)
    for (const name of ['a', 'b', 'c']) rmSync(join(server.folder, 'www', name))
    await backUp(server)
    const text = await why(server, 'www')
    expect(text).toMatch(/^www was held on /)
    expect(text).toContain('$ hdsync release www\n')
    expect(await json(server, 'www')).toMatchObject({ state: 'held', failure: { mirrorTouched: false } })
  })

  test('of snapshots that could not be mounted tells the last attempt, the command, and what the kernel said', async () => {
    const server = await makeServer('')
    const config = readFileSync(server.config, 'utf8')
    writeFileSync(
      server.config,
      config.replace('targets:', '  var: { lv: vg01/lv_var, target: disk }\ntargets:'),
    )
    await leaveRefusedNight(server)
    const text = await why(server, 'var')
    expect(text).toMatch(/^var failed on /)
    expect(text.replace(/\s+/g, ' ')).toContain(
      'What mounting the snapshot (snapshot.mount), on attempt 10 of 10: no snapshot could be mounted in 10 attempts',
    )
    expect(text).toMatch(/\nCommand +\$ mount --types reiserfs .*\n +exit code 32\n +mount: wrong fs type\n/)
    expect(text).toContain(
      'Kernel    REISERFS warning (device dm-4): journal_read_transaction: device is readonly\n',
    )
    expect(text).toContain('hdsync    took 10 snapshots that could not be mounted, and removed each again\n')
    expect(text).toMatch(/ Saturday's archive stands, of .*: \/mnt\/hdd9\/Saturday\/var\.tar\.zst\n/)
    expect(text).toContain('$ fsck -n /dev/vg01/lv_var\n')
  })
})
