import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { checkHistory } from '../../../../../runtime/cli/checks/history.ts'
import { loadConfig } from '../../../../../runtime/config/load.ts'
import { openDatabase, openDatabaseForReading } from '../../../../../runtime/core/bus/sqlite/database.ts'
import { backUp, makeServer, release, type Server } from '../night.ts'

const day = 86_400_000

async function idsOf(server: Server, now = Date.now()) {
  const database = openDatabaseForReading(join(server.folder, 'state'))
  if (!database) throw new Error('there is no store')
  try {
    return checkHistory(await loadConfig({ path: server.config, env: {} }), database, now).map(
      ({ id, about }) => `${id} ${about}`,
    )
  } finally {
    database.close()
  }
}

describe('checkHistory()', () => {
  test('is content after a good night, for as long as `alert.after` says', async () => {
    const server = await makeServer()
    await backUp(server)
    expect(await idsOf(server)).toEqual([])
    expect(await idsOf(server, Date.now() + 1.4 * day)).toEqual([])
    const late = await idsOf(server, Date.now() + 1.6 * day)
    expect(late).toEqual(['source.overdue source home', 'source.overdue source www'])
  })

  test('counts a source that was never backed up from the first run on', async () => {
    const server = await makeServer()
    await backUp(server, { sources: ['home'] })
    const late = await idsOf(server, Date.now() + 2.1 * day)
    expect(late).toContain('source.overdue source www')
  })

  test('tells of what waits to be released, until it was', async () => {
    const server = await makeServer()
    for (const name of ['a', 'b', 'c']) mkdirSync(join(server.folder, 'www', name))
    await backUp(server)
    for (const name of ['a', 'b', 'c']) rmSync(join(server.folder, 'www', name), { recursive: true })
    await backUp(server)
    expect(await idsOf(server)).toEqual(['source.held source www'])
    await release(server, 'www')
    expect(await idsOf(server)).toEqual([])
  })

  test('tells of a copy that changed unusually many files', async () => {
    const server = await makeServer()
    const write = (text: string) => {
      for (let n = 0; n < 110; n += 1) writeFileSync(join(server.folder, 'www', `file${n}`), text)
    }
    write('good')
    await backUp(server)
    write('encrypted')
    await backUp(server)
    expect(await idsOf(server)).toEqual(['source.unusual source www'])
  })

  test('tells of steps that were given up, until a run is good again', async () => {
    const server = await makeServer()
    rmSync(join(server.folder, 'www'), { recursive: true })
    await backUp(server)
    expect(await idsOf(server)).toContain('dead.waiting state')
    mkdirSync(join(server.folder, 'www', 'new'), { recursive: true })
    await backUp(server)
    expect(await idsOf(server)).toEqual([])
  })

  test('tells of a mirror that is not to be trusted', async () => {
    const server = await makeServer()
    await backUp(server)
    const database = openDatabase(join(server.folder, 'state'))
    database.exec(`UPDATE event SET type = 'mirror.suspect', data = '{"source":"www","reason":"the disk failed"}'
      WHERE type = 'source.synced' AND subject = 'www'`)
    database.close()
    expect(await idsOf(server)).toContain('mirror.suspect source www')
  })
})
