import { chmodSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { lastChecked } from '../../../../../runtime/backup/status/checked.ts'
import type { Finding } from '../../../../../runtime/cli/checks/finding.ts'
import { checkHooks } from '../../../../../runtime/cli/checks/hooks.ts'
import { findingsText } from '../../../../../runtime/cli/checks/report.ts'
import { checkCommand } from '../../../../../runtime/cli/commands/check.ts'
import { loadConfig } from '../../../../../runtime/config/load.ts'
import { ConfigError } from '../../../../../runtime/config/problem.ts'
import { holdLock, openDatabase, storeFile } from '../../../../../runtime/core/bus/sqlite/database.ts'
import { lastSight } from '../../../../../runtime/host/last-sight.ts'
import { WebReceiver } from '../../../receivers/web.ts'
import { secretFile, webhookSecret } from '../../host/hook-bench.ts'
import { backUp, makeServer, printed, type Server } from '../night.ts'

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
    expect(await about(server, 'source www')).toMatchObject([{ id: 'path.ok' }])
    expect(await about(server, 'functions')).toMatchObject([{ id: 'functions.ok' }])
  })

  test('has what a run saw of a target to tell once its disk is not mounted any more', async () => {
    const server = await makeServer()
    const target = { name: 'disk', path: join(server.folder, 'disk') }
    chmodSync(target.path, 0o755)
    await backUp(server)
    expect(lastSight(join(server.folder, 'state'), target)).toMatchObject({
      doors: [{ kind: 'open', mend: ['hdsync target adopt --all'] }],
    })
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

  test('notes what is wrong for the page, once there is a state directory', async () => {
    const server = await makeServer('notify: [{ exec: [/bin/true], on: [run.faild] }]\n')
    const config = { file: server.config, state: join(server.folder, 'state') }
    await check(server)
    expect(lastChecked(config)).toBeUndefined()
    await backUp(server)
    const { findings } = await check(server)
    const wrong = findings.filter(({ severity }) => severity !== 'ok')
    expect(wrong).toContainEqual(expect.objectContaining({ id: 'config.odd' }))
    expect(lastChecked(config)?.findings).toEqual(wrong)
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
    expect(await about(server, 'state')).toMatchObject([{ id: 'store.damaged', severity: 'error' }])
  })

  test('says so when the event store is damaged', async () => {
    const server = await makeServer()
    await backUp(server)
    const file = join(server.folder, 'state', storeFile)
    const bytes = readFileSync(file)
    // Pages behind the first, which has the tables' names and the version.
    bytes.fill(0xff, 5 * 4096, Math.min(bytes.length, 12 * 4096))
    writeFileSync(file, bytes)
    const ids = (await about(server, 'state')).map(({ id }) => id)
    expect(ids).toContain('store.damaged')
  })

  test('says what could not be looked at, and goes on', async () => {
    const server = await makeServer()
    await backUp(server)
    const database = openDatabase(join(server.folder, 'state'))
    database.exec(`UPDATE event SET type = 'sync.held', data = '{' WHERE type = 'source.synced'`)
    database.close()
    expect(await about(server, 'history')).toMatchObject([{ id: 'check.failed', severity: 'error' }])
    expect(await about(server, 'functions')).toMatchObject([{ id: 'functions.ok' }])
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
    chmodSync(hook, 0o775)
    expect(
      await checkHooks({ config: await loadConfig({ path: server.config, env: {} }), root: true }),
    ).toMatchObject([
      { id: 'notify.writable', severity: 'warning', remedy: `chown root ${hook} && chmod go-w ${hook}` },
    ])
    writeFileSync(join(server.folder, 'functions/broken.ts'), 'export default 1\n')
    expect(await about(server, 'functions')).toMatchObject([{ id: 'functions.broken', severity: 'error' }])
  })

  test('looks at the secrets, programs and addresses of hooks, and sends nothing', async () => {
    const receiver = await WebReceiver.start()
    const exposed = secretFile(webhookSecret, 0o644)
    const url = receiver.url
    const server = await makeServer(`notify:
  - { name: gone, webhook: { url: 'https://name.invalid', secretFile: /nowhere/secret } }
  - { name: open, webhook: { url: '${url}', secretFile: ${exposed}, allowPrivate: true } }
  - { name: short, webhook: { url: '${url}', secretFile: ${secretFile('whsec_abcd')}, allowPrivate: true } }
  - { name: near, healthchecks: { url: '${url}/ping/secret' } }
  - { name: topic, ntfy: { url: '${url}', topic: a, tokenFile: /nowhere/token, allowPrivate: true } }
  - { name: clear, webhook: { url: 'http://203.0.113.1', secretFile: ${secretFile(webhookSecret)} } }
  - { name: mail, email: { to: a@example.org, sendmail: /nowhere/sendmail } }
  - { name: good, webhook: { url: '${url}', secretFile: ${secretFile(webhookSecret)}, allowPrivate: true } }
`)
    expect(await about(server, 'gone')).toMatchObject([
      { id: 'notify.unknown-host', severity: 'warning' },
      { id: 'notify.secret', severity: 'error', finding: expect.stringContaining('found none') },
    ])
    expect(await about(server, 'open')).toMatchObject([
      {
        id: 'notify.secret',
        finding: expect.stringContaining('mode 0644'),
        remedy: `run: chmod g-w,o= ${exposed}`,
      },
    ])
    expect(await about(server, 'short')).toMatchObject([
      { id: 'notify.secret', remedy: expect.stringContaining('openssl rand -base64 32') },
    ])
    expect(await about(server, 'near')).toMatchObject([
      { id: 'notify.private', finding: '127.0.0.1 is not an address of the internet: nothing will be sent' },
    ])
    expect(await about(server, 'clear')).toMatchObject([{ id: 'notify.clear-text', severity: 'warning' }])
    expect(await about(server, 'topic')).toMatchObject([{ id: 'notify.secret' }])
    expect(await about(server, 'mail')).toMatchObject([
      { id: 'notify.missing', finding: 'there is no program /nowhere/sendmail' },
    ])
    expect(await about(server, 'good')).toMatchObject([
      { id: 'notify.ok', finding: `webhook at 127.0.0.1:${receiver.port}` },
    ])
    expect(receiver.heard).toEqual([])
  })

  test('says which hook is disabled, as long as it is not changed', async () => {
    const receiver = await WebReceiver.start()
    receiver.behaviours = [410]
    const hook = `webhook: { url: '${receiver.url}', secretFile: ${secretFile(webhookSecret)}, allowPrivate: true }`
    const server = await makeServer(`notify: [{ ${hook}, on: [run.succeeded] }]`)
    await backUp(server)
    expect(await about(server, 'notify[0]')).toMatchObject([
      { id: 'notify.disabled', severity: 'warning', finding: expect.stringContaining('410 Gone') },
    ])
    const changed = readFileSync(server.config, 'utf8').replace('notify: [{', 'notify: [{ name: chat,')
    writeFileSync(server.config, changed)
    expect(await about(server, 'chat')).toMatchObject([{ id: 'notify.ok' }])
  })

  test('warns of a webhook that tells its events to everybody on the way', async () => {
    const server = await makeServer()
    const secret = join(server.folder, 'secret')
    writeFileSync(secret, `whsec_${Buffer.alloc(32, 7).toString('base64')}\n`, { mode: 0o600 })
    const hook = `notify: [{ webhook: { url: 'http://192.0.2.1/', secretFile: ${secret} } }]\n`
    writeFileSync(server.config, hook, { flag: 'a' })
    expect(await about(server, 'notify[0]')).toContainEqual(
      expect.objectContaining({ id: 'notify.clear-text', severity: 'warning' }),
    )
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
