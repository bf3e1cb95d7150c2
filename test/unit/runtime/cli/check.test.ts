import { chmodSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { holdLock, openDatabase, storeFile } from '../../../../runtime/bus/sqlite/database.ts'
import { checkCommand } from '../../../../runtime/cli/check.ts'
import type { Finding } from '../../../../runtime/cli/checks/finding.ts'
import { findingsText } from '../../../../runtime/cli/checks/report.ts'
import { ConfigError } from '../../../../runtime/config/problem.ts'
import { backUp, makeServer, printed, type Server } from './night.ts'

async function check({ config }: Server): Promise<{ code: number; ok: boolean; findings: Finding[] }> {
  const io = printed()
  const code = await checkCommand({ config, json: true }, io)
  expect(io.out.split('\n')).toHaveLength(2)
  return { code, ...JSON.parse(io.out) }
}

/** The findings about one thing, apart from where the tests run: on one disk, as any user. */
async function about(server: Server, what: string) {
  const { findings } = await check(server)
  return findings.filter((one) => one.about === what && one.id !== 'target.same-disk')
}

describe('check', () => {
  test('finds nothing wrong with a server that is all right, and makes no store', async () => {
    const server = await makeServer()
    const { findings } = await check(server)
    const odd = findings.filter(({ id, severity }) => severity !== 'ok' && !/same-disk|not-root/.test(id))
    expect(odd).toEqual([])
    expect(await about(server, 'state')).toMatchObject([{ id: 'state.ok' }, { id: 'store.none' }])
    await backUp(server)
    expect(await about(server, 'state')).toMatchObject([{ id: 'state.ok' }, { id: 'store.ok' }])
  })

  test('ends with 1 when something is wrong', async () => {
    const server = await makeServer()
    rmSync(join(server.folder, 'www'), { recursive: true })
    expect(await check(server)).toMatchObject({ code: 1, ok: false })
    expect(await about(server, 'source www')).toMatchObject([
      { id: 'path.unreadable', severity: 'error', finding: expect.stringContaining('it does not exist') },
    ])
  })

  test('ends with 3 when there are warnings alone', async () => {
    const server = await makeServer('notify: [{ exec: [/bin/true], on: [run.faild] }]\n')
    expect(await check(server)).toMatchObject({ code: 3, ok: false })
    expect(await about(server, 'config')).toMatchObject([
      { id: 'config.ok' },
      { id: 'config.odd', severity: 'warning', finding: expect.stringContaining('run.faild') },
    ])
  })

  test('knows an empty source from one whose mirror would be emptied', async () => {
    const server = await makeServer()
    rmSync(join(server.folder, 'www/file'))
    expect(await about(server, 'source www')).toMatchObject([{ id: 'path.empty', severity: 'warning' }])
    mkdirSync(join(server.folder, 'disk/www/kept'), { recursive: true })
    expect(await about(server, 'source www')).toMatchObject([{ id: 'path.empty', severity: 'error' }])
  })

  test('says who is at work', async () => {
    const server = await makeServer()
    const unlock = holdLock(join(server.folder, 'state'))
    expect(await about(server, 'state')).toContainEqual(
      expect.objectContaining({
        id: 'hdsync.running',
        severity: 'ok',
        finding: expect.stringContaining(`${process.pid}`),
      }),
    )
    unlock?.()
  })

  test('looks at the event store', async () => {
    const server = await makeServer()
    await backUp(server)
    const state = join(server.folder, 'state')
    const database = openDatabase(state)
    database.exec('PRAGMA user_version = 99')
    database.close()
    expect(await about(server, 'state')).toMatchObject([
      { id: 'store.unreadable', severity: 'error', finding: expect.stringContaining('newer hdsync') },
    ])
    writeFileSync(join(state, storeFile), 'this is no store at all, and long enough to be looked at')
    expect(await about(server, 'state')).toMatchObject([{ id: 'store.unreadable', severity: 'error' }])
  })

  test('looks at hooks and functions', async () => {
    const server = await makeServer()
    const hook = join(server.folder, 'hook')
    writeFileSync(server.config, `notify: [{ exec: [${hook}] }]\n`, { flag: 'a' })
    expect(await about(server, 'notify[0]')).toMatchObject([{ id: 'notify.missing', severity: 'error' }])
    writeFileSync(hook, '')
    expect(await about(server, 'notify[0]')).toMatchObject([
      { id: 'notify.not-executable', remedy: `chmod +x ${hook}` },
    ])
    chmodSync(hook, 0o755)
    expect(await about(server, 'notify[0]')).toMatchObject([{ id: 'notify.ok' }])
    writeFileSync(join(server.folder, 'functions/broken.ts'), 'export default 1\n')
    expect(await about(server, 'functions')).toMatchObject([{ id: 'functions.broken', severity: 'error' }])
  })

  test('does not go on without a config', async () => {
    await expect(checkCommand({ config: '/nowhere.yaml' }, printed())).rejects.toBeInstanceOf(ConfigError)
  })
})

test('findingsText() groups, marks with a word, and puts remedies below', () => {
  const findings: Finding[] = [
    { id: 'tool.ok', severity: 'ok', about: 'tools', finding: 'rsync', remedy: null },
    { id: 'lvm.no-volume', severity: 'error', about: 'source var', finding: 'gone\u001b', remedy: 'find it' },
    { id: 'tool.unknown', severity: 'warning', about: 'tools', finding: 'one\ntwo', remedy: null },
  ]
  expect(findingsText(findings, false)).toBe(
    [
      'tools',
      '  ✔ ok       rsync',
      '  ! warning  one',
      '             two',
      'source var',
      '  ✖ error    gone\\u{1b}',
      '             → find it',
      '',
      '1 error, 1 warning, 1 ok',
      '',
    ].join('\n'),
  )
})
