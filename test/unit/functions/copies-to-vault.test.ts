import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import type { CopyResult } from '../../../events/index.ts'
import { type Clock, systemClock } from '../../../runtime/core/clock.ts'
import { dateOf } from '../../../runtime/weekday.ts'
import { backUp } from '../runtime/cli/night.ts'
import { digest } from './copy-site.ts'
import { Site } from './vault/site.ts'
import { whyNoSshd } from './vault/sshd.ts'

const testWithSshd = test.skipIf(whyNoSshd !== undefined)
const random = (path: string, mebibytes: number) =>
  execFileSync('dd', ['if=/dev/urandom', `of=${path}`, 'bs=1M', `count=${mebibytes}`, 'status=none'])

testWithSshd(
  'a first copy is offered, sent, proved by the vault, and counts only then; no other is made',
  async () => {
    await using site = await Site.made()
    const events = await site.run()
    expect(events.map(({ type }) => type)).toEqual([
      ...['copy.start', 'copy.offer', 'copy.send', 'copy.prove', 'copy.proved', 'copy.offer'],
      ...['copy.kept', 'copy.finish', 'copy.finished'],
    ])
    expect(site.asked()).toEqual(['status', 'offer', 'rsync', 'prove', 'status'])
    expect(site.accepted().map(digest)).toEqual([digest(site.archive())])
    expect(events.at(-1)?.data).toMatchObject({
      copies: [{ copy: 'offsite', state: 'succeeded', archives: 1, waiting: 0, error: null }],
    })
    expect(await site.copy()).toMatchObject({ exitCode: 0, copies: [{ archives: 0, bytes: 0, waiting: 0 }] })
    expect(site.asked().slice(5)).toEqual(['status'])

    // Copies and status have a row for it; that it is away is told of.
    const { copies } = JSON.parse((await site.hdsync('status', '--json')).out)
    expect(copies).toMatchObject([
      {
        ...{
          copy: 'offsite',
          target: null,
          path: null,
          ssh: `${site.sshd.user}@127.0.0.1:${site.sshd.port}`,
        },
        ...{ mounted: false, state: 'succeeded', sources: [{ source: 'home', archives: 1, waiting: 0 }] },
      },
    ])
    expect((await site.hdsync('status')).out).toContain('copy offsite: has every archive; had all just now')
    expect((await site.hdsync('copies')).out).toMatch(/offsite +succeeded +just now +home +1/)
    await site.sshd.stop()
    expect((await site.copy()).exitCode).toBe(3)
    expect((await site.hdsync('status')).out).toContain('it cannot be reached')
  },
)

testWithSshd(
  'after days without it the newest comes first, and the same bytes are not sent twice',
  async () => {
    await using site = await Site.made()
    const nights = [3, 2, 1].map((days) => site.older(days, days === 3 ? 'three' : 'two'))
    const [three = '', two = '', one = ''] = nights
    execFileSync('cp', [
      '-p',
      site.at('disk/kept', two, 'home.tar.zst'),
      site.at('disk/kept', one, 'home.tar.zst'),
    ])
    expect((await site.hdsync('verify', '-q')).exitCode).toBe(0)
    const proved = (await site.run())
      .filter(({ type }) => type === 'copy.proved')
      .map(({ data }) => data as { to: string; linked: boolean })
    const today = dateOf(Date.now())
    expect(proved.map(({ to }) => basename(dirname(to)))).toEqual([today, one, two, three])
    expect(proved.map(({ linked }) => linked)).toEqual([false, false, true, false])
    // One process has answered all of it, and one more has taken each of the archives; of the one connection nothing is left.
    const sent = ['offer', 'rsync', 'prove']
    expect(site.asked()).toEqual(['status', ...sent, ...sent, 'prove', ...sent, 'status'])
    expect(site.starts()).toEqual(['session', 'rsync', 'rsync', 'rsync'])
    expect(site.connections()).toBe(1)
    await expect.poll(() => site.sshd.serving).toBe(0)
  },
)

testWithSshd(
  'a vault of the version before sessions is asked as ever, and a session is tried once a run',
  async () => {
    await using site = await Site.made({ isOld: true })
    expect(await site.copy()).toMatchObject({ exitCode: 0, copies: [{ archives: 1, error: null }] })
    expect(site.asked()).toEqual(['status', 'offer', 'rsync', 'prove', 'status'])
    expect(site.starts()).toEqual(['session', 'rsync'])
    expect(site.connections()).toBe(1)
    // All that it is asked is in the words of the released version.
    const asked = readFileSync(site.there('asked'), 'utf8').split('\n')
    const archive =
      '"archive":{"source":"home","at":"[^"]+Z","form":"tar.zst","sizeBytes":\\d+,"sha256":"[0-9a-f]{64}"}'
    for (const line of asked.filter((one) => one.startsWith('{') && !one.includes('session')))
      expect(line).toMatch(new RegExp(`^{"v":1,"do":("status"|"(offer|prove)",${archive})}$`))
    expect(await site.copy()).toMatchObject({ exitCode: 0, copies: [{ archives: 0, waiting: 0 }] })
    expect(site.accepted()).toHaveLength(1)
  },
)

testWithSshd('what a vault had at the end of a run is not told again, and is once that is lost', async () => {
  await using site = await Site.made()
  await site.copy()
  const known = site.at('state/vaults/offsite.json')
  const noted = JSON.parse(readFileSync(known, 'utf8'))
  expect(noted).toMatchObject([{ source: 'home', sha256: digest(site.archive()), damaged: false }])
  for (const damage of ['', '{', JSON.stringify([{ ...noted[0], sha256: '0'.repeat(64) }])]) {
    if (damage) writeFileSync(known, damage)
    else rmSync(known)
    expect(await site.copy()).toMatchObject({ exitCode: 0, copies: [{ archives: 0, waiting: 0 }] })
    expect(JSON.parse(readFileSync(known, 'utf8'))).toEqual(noted)
  }
  // What is gone from the vault is sent again, whatever was noted.
  for (const name of ['accepted/home', 'record.jsonl'])
    rmSync(site.there('vault/web1', name), { recursive: true })
  expect(await site.copy()).toMatchObject({ exitCode: 0, copies: [{ archives: 1, waiting: 0 }] })
  expect(site.accepted().map(digest)).toEqual([digest(site.archive())])
})

testWithSshd(
  'a vault that cannot be reached is passed over, and is a failure where it is named',
  async () => {
    await using site = await Site.made()
    await site.sshd.stop()
    const absent = await site.copy()
    expect(absent).toMatchObject({ exitCode: 3, state: 'degraded', copies: [{ state: 'absent' }] })
    expect(absent.copies[0]?.error).toMatch(/127\.0\.0\.1:\d+ cannot be reached: .*Connection refused/)
    expect(await site.copy('offsite')).toMatchObject({ exitCode: 1, copies: [{ state: 'failed' }] })
    await site.sshd.listen()
    expect(await site.copy()).toMatchObject({ exitCode: 0, copies: [{ archives: 1 }] })
  },
)

testWithSshd('a host key that has changed is never taken', async () => {
  await using site = await Site.made()
  await site.sshd.stop()
  site.sshd.newHostKey()
  await site.sshd.listen()
  const { exitCode, error } = await site.copy()
  expect(exitCode).toBe(1)
  expect(error).toMatch(/the host key of .* has changed: nothing was sent .*hdsync copies trust offsite/)
  expect(site.asked()).toEqual([])
})

testWithSshd(
  'a key that the vault does not know is told of, and what the vault refuses, in its words',
  async () => {
    await using site = await Site.made({ host: 'quota: 1M' })
    random(site.at('home', 'large'), 2)
    await backUp(site.server, { sources: ['home'] })
    const refused = await site.copy()
    expect(refused).toMatchObject({ exitCode: 1, copies: [{ archives: 0, waiting: 1 }] })
    expect(refused.error).toMatch(/the vault \S+ refuses: .*quota/)
    expect(site.asked()).not.toContain('rsync')
    rmSync(site.there('ssh', 'authorized_keys'))
    expect((await site.copy()).error).toMatch(/does not let \S+vault.key in: .*Permission denied/)
  },
)

testWithSshd('trust shows the keys of the host, and takes none without being told which', async () => {
  await using site = await Site.made()
  const file = site.there('known_hosts')
  rmSync(file)
  expect((await site.copy()).error).toMatch(/the host key of \S+ is not known .*hdsync copies trust offsite/)
  const refused = await site.hdsync('copies', 'trust', 'offsite')
  expect(refused).toMatchObject({ exitCode: 2, out: expect.stringMatching(/ssh-ed25519 {2}SHA256:\S{43}\n/) })
  expect(existsSync(file)).toBe(false)
  const wrong = await site.hdsync('copies', 'trust', 'offsite', '--fingerprint', `SHA256:${'x'.repeat(43)}`)
  expect(wrong.exitCode).toBe(2)
  const fingerprint = /SHA256:\S+/.exec(refused.out)?.[0] ?? ''
  writeFileSync(file, 'other.example.org ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA\n', { mode: 0o644 })
  const trusted = await site.hdsync('copies', 'trust', 'offsite', '--fingerprint', fingerprint, '--json')
  expect(trusted.exitCode).toBe(0)
  expect(JSON.parse(trusted.out)).toMatchObject({ copy: 'offsite', keys: [{ fingerprint }] })
  expect(statSync(file).mode & 0o777).toBe(0o600)
  expect(readFileSync(file, 'utf8')).toContain('other.example.org')
  expect(await site.copy()).toMatchObject({ exitCode: 0, copies: [{ archives: 1 }] })
  await site.sshd.stop()
  site.sshd.newHostKey()
  await site.sshd.listen()
  const changed = await site.hdsync('copies', 'trust', 'offsite')
  expect(changed).toMatchObject({
    exitCode: 2,
    out: expect.stringContaining(`it was known by ssh-ed25519  ${fingerprint}`),
  })
})

testWithSshd('a key that others can read is told of by check', async () => {
  await using site = await Site.made()
  chmodSync(site.sshd.keyFile, 0o644)
  const { findings } = JSON.parse((await site.hdsync('check', '--json')).out) as {
    findings: { id: string }[]
  }
  expect(findings.map(({ id }) => id)).toContain('copy.open-key')
  expect((await site.copy()).error).toMatch(/others can read \S+vault.key/)
})

testWithSshd('of an archive that has changed by a few percent, about what has changed is sent', async () => {
  await using site = await Site.made()
  for (const name of Array.from({ length: 20 }, (_, n) => `file${n}`)) random(site.at('home', name), 1)
  const [, first] = [await backUp(site.server, { sources: ['home'] }), await site.copy()]
  expect(first.copies[0]?.bytes).toBeGreaterThan(20 * 1024 ** 2)
  const clock = { ...systemClock, now: () => Date.now() + 86_400_000 }
  random(site.at('home', 'file7'), 1)
  await backUp(site.server, { sources: ['home'] }, clock)
  const result = (await site.run(() => {}, clock)).at(-1)?.data as { copies: CopyResult[] }
  expect(result).toMatchObject({ state: 'succeeded', copies: [{ archives: 1 }] })
  expect(result.copies[0]?.bytes).toBeLessThan(1.3 * 1024 ** 2 + 100_000)
})

testWithSshd('where a limit begins while an archive is sent, it goes on under that one', async () => {
  const at = (time: string) => new Date(`2026-11-30T${time}`).getTime()
  await using site = await Site.made({ more: ', limit: { "08:00-12:00": 1M, "12:00-08:00": 64M }' })
  random(site.at('home', 'large'), 6)
  await backUp(site.server, { sources: ['home'] })
  // It is a second before noon until something is sent.
  const clock = { ...systemClock, now: () => at(site.asked().includes('rsync') ? '12:00:00' : '11:59:59') }
  const events = await site.run(() => {}, clock)
  expect(events.at(-1)?.data).toMatchObject({ state: 'succeeded', copies: [{ archives: 1 }] })
  expect(site.asked().filter((word) => word === 'rsync')).toHaveLength(2)
  expect(site.accepted().map(digest)).toEqual([digest(site.archive())])
})

testWithSshd('a connection that breaks is made again in the same run, and goes on where it was', async () => {
  await using site = await Site.made({ more: ', limit: { "00:00-24:00": 4M }' })
  random(site.at('home', 'large'), 12)
  await backUp(site.server, { sources: ['home'] })
  let isBroken = false
  const events = await site.run((event) => {
    if (event.type !== 'copy.send' || isBroken) return
    const look = setInterval(() => {
      if (isBroken || !site.asked().includes('rsync') || sizeIn(site.there('vault/web1/incoming')) < 1e6)
        return
      isBroken = true
      clearInterval(look)
      site.sshd.breakConnections()
    }, 20)
  })
  expect(isBroken).toBe(true)
  expect(site.asked().filter((word) => word === 'offer')).toHaveLength(2)
  const result = events.at(-1)?.data as { copies: CopyResult[] }
  expect(result).toMatchObject({ state: 'succeeded', copies: [{ archives: 1, error: null }] })
  expect(site.accepted().map(digest)).toEqual([digest(site.archive())])
})

function sizeIn(folder: string): number {
  const names = existsSync(folder) ? readdirSync(folder) : []
  return names.reduce(
    (sum, name) => sum + (statSync(join(folder, name), { throwIfNoEntry: false })?.size ?? 0),
    0,
  )
}

/** Holds the lock of the host in the vault, as the rest of a connection that was cut off does. */
async function busyVault(site: Site): Promise<{ release(): void }> {
  const holder = spawn('flock', [site.there('vault/web1/lock'), 'sh', '-c', 'echo held; exec cat'])
  onTestFinished(() => void holder.kill('SIGKILL'))
  await once(holder.stdout, 'data')
  return { release: () => void holder.stdin.end() }
}

/** Pauses of up to a minute are a hundredth of it, and are told. */
function quickClock(onPause: (ms: number) => void = () => {}): Clock {
  return {
    ...systemClock,
    schedule(delayMs, callback) {
      if (delayMs < 1000 || delayMs > 60_000) return systemClock.schedule(delayMs, callback)
      onPause(delayMs)
      return systemClock.schedule(delayMs / 100, callback)
    },
  }
}

testWithSshd('a vault that is busy is waited for', async () => {
  await using site = await Site.made()
  const vault = await busyVault(site)
  // By then it was asked three times.
  const clock = quickClock((ms) => void (ms === 12_000 && vault.release()))
  const events = await site.run(() => {}, clock)
  expect(events.at(-1)?.data).toMatchObject({ state: 'succeeded', copies: [{ archives: 1, waiting: 0 }] })
  const asked = site.asked()
  expect(asked.filter((word) => word === 'offer').length).toBeGreaterThan(2)
  expect(asked.filter((word) => word !== 'offer')).toEqual(['status', 'rsync', 'prove', 'status'])
})
