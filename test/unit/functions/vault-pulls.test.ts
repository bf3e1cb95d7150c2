import { execFileSync, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { keptStoreId } from '../../../runtime/core/bus/sqlite/identity.ts'
import { systemClock } from '../../../runtime/core/clock.ts'
import { runtimeDirectory } from '../../../runtime/host/host.ts'
import { program } from '../program.ts'
import { backUp } from '../runtime/cli/night.ts'
import { Terminal } from '../runtime/cli/terminal.ts'
import { temporaryFolder } from '../temporary-folder.ts'
import { digest } from './copy-site.ts'
import { PullSite } from './vault/pull-site.ts'
import { whyNoSshd } from './vault/sshd.ts'

const testWithSshd = test.skipIf(whyNoSshd !== undefined)
const random = (path: string, mebibytes: number) =>
  execFileSync('dd', ['if=/dev/urandom', `of=${path}`, 'bs=1M', `count=${mebibytes}`, 'status=none'])
const tomorrow = { ...systemClock, now: () => Date.now() + 86_400_000 }

testWithSshd('a vault fetches the archives of a host, and nothing that it has', async () => {
  await using site = await PullSite.made()
  expect(await site.pull()).toMatchObject({ exitCode: 0, archives: 2, waiting: 0, error: null })
  expect(site.asked()).toEqual(['list', 'send', 'send'])
  expect(site.accepted().map(digest)).toEqual([digest(site.archive())])
  expect(site.accepted('www').map(digest)).toEqual([digest(site.archive('www'))])
  expect(await site.pull()).toMatchObject({ exitCode: 0, archives: 0, bytes: 0 })
  expect(site.asked()).toEqual(['list', 'send', 'send', 'list'])
})

testWithSshd(
  'of an unchanged night no archive bytes are fetched, of a changed one what has changed',
  async () => {
    await using site = await PullSite.made({ words: 'home' })
    for (const name of Array.from({ length: 20 }, (_, n) => `file${n}`)) random(site.at('home', name), 1)
    await backUp(site.server, { sources: ['home'] })
    const first = await site.pull()
    expect(first).toMatchObject({ exitCode: 0, archives: 1 })
    expect(first.bytes).toBeGreaterThan(20 * 1024 ** 2)
    writeFileSync(site.at('home', 'file7'), 'changed')
    random(site.at('home', 'file7'), 1)
    await backUp(site.server, { sources: ['home'] }, tomorrow)
    const second = await site.pull()
    expect(second).toMatchObject({ exitCode: 0, archives: 1 })
    expect(second.bytes).toBeLessThan(1.3 * 1024 ** 2 + 100_000)
    expect(site.accepted('www')).toEqual([])
  },
)

testWithSshd('a night that has not changed is a further name, and sends no bytes', async () => {
  await using site = await PullSite.made({ words: 'home' })
  expect(await site.pull()).toMatchObject({ archives: 1 })
  await backUp(site.server, { sources: ['home'] }, tomorrow)
  expect(await site.pull()).toMatchObject({ exitCode: 0, archives: 1, bytes: 0 })
  expect(site.asked()).toEqual(['list', 'send', 'list'])
  expect(new Set(site.accepted().map((file) => statSync(file).ino)).size).toBe(1)
  const [{ sources }] = JSON.parse((await site.vaultDoes('vault', 'status', '--json')).out)
  expect(sources).toMatchObject([{ source: 'home', copies: 2, different: 1 }])
})

testWithSshd(
  'what was cut off goes on, be it the vault or the connection that was',
  { timeout: 300_000 },
  async () => {
    await using site = await PullSite.made({ words: 'home', pull: ', limit: { "00:00-24:00": 4M }' })
    random(site.at('home', 'large'), 16)
    await backUp(site.server, { sources: ['home'] })
    const pull = () =>
      spawn(program, ['vault', 'pull', 'web1', '--config', site.vaultConfig], { stdio: 'ignore' })
    const held = () => {
      const folder = site.there('vault/web1')
      return ['incoming', 'base'].reduce((sum, name) => sum + sizeIn(join(folder, name)), 0)
    }
    // The vault is killed.
    const child = pull()
    const ended = once(child, 'exit')
    await expect.poll(held, { timeout: 60_000 }).toBeGreaterThan(3e6)
    child.kill('SIGKILL')
    await ended
    // What it has started has its locks for a moment.
    for (const lock of ['pulling', 'lock'])
      execFileSync('flock', ['--timeout', '60', site.there('vault/web1', lock), 'true'])
    // The connection breaks: it is made again at once.
    const begun = held()
    const rest = site.pull()
    await expect
      .poll(() => site.asked().filter((word) => word === 'send').length, { timeout: 60_000 })
      .toBe(2)
    await expect.poll(held, { timeout: 60_000 }).toBeGreaterThan(begun + 3e6)
    site.sshd.breakConnections()
    const result = await rest
    expect(result).toMatchObject({ exitCode: 0, archives: 1, error: null })
    expect(site.asked().filter((word) => word === 'send')).toHaveLength(3)
    expect(result.bytes).toBeLessThan(16 * 1024 ** 2 - 2e6)
    expect(site.accepted().map(digest)).toEqual([digest(site.archive())])
  },
)

testWithSshd('of two pulls at once one fetches, and the other says so', async () => {
  const waits = 'while [ ! -e "$HERE/go" ]; do sleep 0.05; done; exec $GIVE'
  await using site = await PullSite.made({ words: 'home', command: waits })
  const first = site.pull()
  await expect.poll(() => site.asked(), { timeout: 60_000 }).toEqual(['list'])
  expect(await site.vaultDoes('vault', 'pull')).toMatchObject({
    ...{ exitCode: 1, err: expect.stringContaining('something is being fetched from web1 already') },
  })
  writeFileSync(site.there('go'), '')
  expect(await first).toMatchObject({ exitCode: 0, archives: 1 })
  expect(site.asked()).toEqual(['list', 'send'])
})

testWithSshd(
  'what comes is written by the user of the host, and belongs to root once it is accepted',
  async () => {
    const name = `t${randomBytes(4).toString('hex')}`
    await using site = await PullSite.made({
      ...{ words: 'home', name, isOwn: false, pull: ', limit: { "00:00-24:00": 4M }' },
    })
    random(site.at('home', 'large'), 8)
    await backUp(site.server, { sources: ['home'] })
    const uid = Number(execFileSync('id', ['-u', `hdsync-${name}`], { encoding: 'utf8' }))
    const incoming = join(site.vault, name, 'incoming')
    const owners = () =>
      readdirSync(incoming).flatMap(
        (file) => statSync(join(incoming, file), { throwIfNoEntry: false })?.uid ?? [],
      )
    const pull = site.pull()
    await expect.poll(owners, { timeout: 60_000, interval: 20 }).toEqual([uid])
    expect(await pull).toMatchObject({ exitCode: 0, archives: 1, error: null })
    expect(site.accepted('home', name).map((file) => statSync(file))).toMatchObject([{ uid: 0 }])
    expect(site.accepted('home', name).map(digest)).toEqual([digest(site.archive())])
  },
)

testWithSshd(
  'a host key that has changed is never taken, and is taken once somebody has compared it',
  async () => {
    await using site = await PullSite.made({ words: 'home' })
    await site.sshd.stop()
    site.sshd.newHostKey()
    await site.sshd.listen()
    const { exitCode, error } = await site.pull()
    expect(exitCode).toBe(1)
    expect(error).toMatch(/the host key of .* has changed: nothing was fetched .*hdsync vault trust web1/)
    expect(site.asked()).toEqual([])
    const status = await site.vaultDoes('vault', 'status')
    expect(status).toMatchObject({ exitCode: 3, out: expect.stringContaining('hdsync vault pull web1') })
    const shown = await site.vaultDoes('vault', 'trust', 'web1')
    expect(shown).toMatchObject({ exitCode: 2, out: expect.stringContaining('it was known by ssh-ed25519') })
    const fingerprint = /SHA256:\S+/.exec(shown.out)?.[0] ?? ''
    expect(await site.vaultDoes('vault', 'trust', 'web1', '--fingerprint', fingerprint)).toMatchObject({
      exitCode: 0,
    })
    expect(await site.pull()).toMatchObject({ exitCode: 0, archives: 1 })
  },
)

testWithSshd(
  'where copies of the host are encrypted, archives are fetched only if that is meant',
  async () => {
    const copies = 'copies: { offsite: { ssh: b@v.example.org, keyFile: /k, encryptTo: /r } }\n'
    await using site = await PullSite.made({ config: copies, command: 'exec $GIVE $(cat $HERE/more 2>&-)' })
    const { exitCode, error } = await site.pull()
    expect({ exitCode, error }).toEqual({
      exitCode: 1,
      error: expect.stringMatching(/copy offsite of .* is encrypted, .*--allow-unencrypted/),
    })
    writeFileSync(site.there('more'), '--allow-unencrypted')
    expect(await site.pull()).toMatchObject({ exitCode: 0, archives: 2 })
  },
)

testWithSshd(
  'a vault whose disk is full says so, keeps what it has, and goes on once there is room',
  async () => {
    const path = join(temporaryFolder(), 'vault')
    mkdirSync(path)
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=80m', 'tmpfs', path])
    onTestFinished(() => void execFileSync('umount', [path]))
    await using site = await PullSite.made({ words: 'home', path })
    random(site.at('home', 'large'), 20)
    await backUp(site.server, { sources: ['home'] })
    expect(await site.pull()).toMatchObject({
      ...{ exitCode: 1, archives: 0, waiting: 1 },
      error: expect.stringContaining('the disk of the vault is full: home takes'),
    })
    expect(site.asked()).toEqual(['list'])
    execFileSync('mount', ['-o', 'remount,size=200m', path])
    expect(await site.pull()).toMatchObject({ exitCode: 0, archives: 1, waiting: 0 })
  },
)

testWithSshd(
  'a host that is away is told of, and is a failure once it is overdue; a key that is not let in is one',
  async () => {
    await using site = await PullSite.made()
    await site.sshd.stop()
    expect(await site.pull()).toMatchObject({
      exitCode: 1,
      error: expect.stringContaining('cannot be reached'),
    })
    const away = await site.vaultDoes('vault', 'status')
    expect(away).toMatchObject({ exitCode: 0, out: expect.stringContaining('cannot be reached') })
    expect(JSON.parse((await site.vaultDoes('vault', 'status', '--json')).out)).toMatchObject([
      { pull: { error: expect.stringContaining('cannot be reached'), passes: true, overdue: false } },
    ])
    const state = site.there('vault/web1/pull.json')
    const noted = JSON.parse(readFileSync(state, 'utf8'))
    writeFileSync(state, JSON.stringify({ ...noted, firstAt: '2026-11-01T00:00:00.000Z' }))
    expect(await site.vaultDoes('vault', 'status')).toMatchObject({
      ...{ exitCode: 3, out: expect.stringContaining('OVERDUE') },
    })
    writeFileSync(state, JSON.stringify(noted))
    await site.sshd.listen()
    rmSync(site.there('ssh', 'authorized_keys'))
    expect((await site.pull()).error).toMatch(/does not let/)
    expect((await site.vaultDoes('vault', 'status')).exitCode).toBe(3)
  },
)

testWithSshd('of many who ask at once with the key of a vault, eight are answered', async () => {
  await using site = await PullSite.made({ words: 'home' })
  expect(await site.pull()).toMatchObject({ exitCode: 0 })
  const state = site.at('state')
  const locks = join(runtimeDirectory(state, keptStoreId(state) ?? ''), 'give')
  const held = Array.from({ length: 8 }, (_, n) =>
    spawn('flock', [join(locks, `asking-${n}`), 'sh', '-c', 'echo held; exec cat']),
  )
  for (const one of held) onTestFinished(() => void one.kill('SIGKILL'))
  await Promise.all(held.map((one) => once(one.stdout, 'data')))
  for (const request of [{ do: 'list' }, { do: 'send', sha256: '0'.repeat(64) }]) {
    const refused = site.ask(JSON.stringify({ v: 1, ...request }))
    expect(refused).toMatchObject({ code: 1 })
    expect(refused.err).toContain('hdsync: later: 8 requests of vaults are being answered: ask again later')
  }
  // The vault takes it for what passes by itself.
  expect(await site.pull()).toMatchObject({ exitCode: 1, error: expect.stringContaining('ask again later') })
  expect((await site.vaultDoes('vault', 'status')).exitCode).toBe(0)
  const ended = once(held[0] as (typeof held)[0], 'exit')
  held[0]?.stdin.end()
  await ended
  expect(site.ask(JSON.stringify({ v: 1, do: 'list' }))).toMatchObject({ code: 0 })
})

testWithSshd('in a terminal a pull shows what it does, and how far it has come', async () => {
  await using site = await PullSite.made({ words: 'home', pull: ', limit: { "00:00-24:00": 4M }' })
  random(site.at('home', 'large'), 6)
  await backUp(site.server, { sources: ['home'] })
  await using terminal = new Terminal(['vault', 'pull', '--config', site.vaultConfig], site.there())
  expect(await terminal.end()).toBe(0)
  expect(terminal.shown).toContain('web1  is asked what is new')
  expect(terminal.shown).toMatch(/web1 {2}fetches home of \S{10} {2}[█░]{20} \d+% {2}\S+ \S+ of 6/)
  expect(terminal.shown).toMatch(/home of \S{10} is read back/)
  expect(terminal.shown).toContain('web1: 1 archive fetched')
})

testWithSshd('add-host prints the line that lets the vault in, and what is left to be done', async () => {
  await using site = await PullSite.made()
  const { out } = await site.vaultDoes('vault', 'add-host', 'web1', '--user', site.sshd.user)
  const key = readFileSync(`${site.sshd.keyFile}.pub`, 'utf8').trim()
  expect(out).toContain(`\nrestrict,command="/usr/bin/hdsync give" ${key}\n`)
  expect(out).toContain('hdsync vault trust web1\n')
  rmSync(`${site.sshd.keyFile}.pub`)
  const bare = await site.vaultDoes('vault', 'add-host', 'web1', '--user', site.sshd.user)
  expect(bare.out).toMatch(/next: ssh-keygen .*\n[\s\S]*command="\/usr\/bin\/hdsync give" KEY\n/)
})

function sizeIn(folder: string): number {
  const names = existsSync(folder) ? readdirSync(folder) : []
  return names.reduce(
    (sum, name) => sum + (statSync(join(folder, name), { throwIfNoEntry: false })?.size ?? 0),
    0,
  )
}
