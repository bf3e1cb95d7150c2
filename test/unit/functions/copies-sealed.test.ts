import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { type Clock, systemClock } from '../../../runtime/core/clock.ts'
import { isInstalled } from '../../../runtime/host/command/packages.ts'
import { backUp } from '../runtime/cli/night.ts'
import { temporaryFolder } from '../temporary-folder.ts'
import { digest } from './copy-site.ts'
import { openedByHand, sealedSite } from './vault/sealed-site.ts'
import { whyNoSshd } from './vault/sshd.ts'

const testWithSshd = test.skipIf(whyNoSshd !== undefined || !isInstalled('age'))
const random = (path: string, mebibytes: number) =>
  execFileSync('dd', ['if=/dev/urandom', `of=${path}`, 'bs=1M', `count=${mebibytes}`, 'status=none'])
const day = 86_400_000
const daysOn = (days: number): Clock => ({ ...systemClock, now: () => Date.now() + days * day })

testWithSshd(
  'a copy is encrypted here, proved by the vault, opened by the identity alone, and a further name where a night has changed nothing',
  async () => {
    const { site, identity, copied } = await sealedSite()
    await using _ = site
    expect(await copied()).toMatchObject({ state: 'succeeded', copies: [{ archives: 1, waiting: 0 }] })
    expect(site.asked()).toEqual(['status', 'offer', 'rsync', 'prove', 'status'])
    const [copy = ''] = site.accepted()
    expect(copy).toMatch(/\.tar\.zst\.sealed$/)
    expect(readFileSync(copy).subarray(16, -200).includes(readFileSync(site.archive()).subarray(0, 64))).toBe(
      false,
    )
    expect(existsSync(site.at('disk', '.hdsync-sealed'))).toBe(false)
    expect(openedByHand(copy, identity).equals(readFileSync(site.archive()))).toBe(true)
    const status = JSON.parse((await site.hdsync('copies', '--json')).out) as { sources: object[] }[]
    expect(status[0]?.sources).toMatchObject([{ archives: 1, waiting: 0 }])
    await copied()
    expect(site.asked().slice(5)).toEqual(['status'])
    await backUp(site.server, { sources: ['home'] }, daysOn(1))
    expect(await copied(daysOn(1))).toMatchObject({ copies: [{ archives: 1, bytes: 0, waiting: 0 }] })
    expect(site.asked().filter((word) => word === 'rsync')).toHaveLength(1)
    expect(new Set(site.accepted().map(digest)).size).toBe(1)
    expect(site.accepted()).toHaveLength(2)
  },
)

test.skipIf(!isInstalled('age'))('the how-to runs nothing that stands in a copy', () => {
  const folder = temporaryFolder()
  const [copy, identity] = [`${folder}/copy`, `${folder}/identity.txt`]
  execFileSync('age-keygen', ['-o', identity], { stdio: 'pipe' })
  writeFileSync(copy, `hdsync-sealed 1\n${'a[$(>pwned)]'.padEnd(16)}\n`)
  expect(() => openedByHand(copy, identity, folder)).toThrow()
  expect(existsSync(`${folder}/pwned`)).toBe(false)
})

testWithSshd('of an archive that has changed by a few percent, about what has changed is sent', async () => {
  const { site, copied } = await sealedSite()
  await using _ = site
  for (const name of Array.from({ length: 20 }, (_, n) => `file${n}`)) random(site.at('home', name), 1)
  await backUp(site.server, { sources: ['home'] })
  expect((await copied()).copies[0]?.bytes).toBeGreaterThan(20 * 1024 ** 2)
  random(site.at('home', 'file7'), 1)
  await backUp(site.server, { sources: ['home'] }, daysOn(1))
  const second = await copied(daysOn(1))
  expect(second).toMatchObject({ state: 'succeeded', copies: [{ archives: 1 }] })
  expect(second.copies[0]?.bytes).toBeLessThan(1.3 * 1024 ** 2 + 150_000)
})

testWithSshd('what was cut off goes on with the same bytes', async () => {
  const { site, copied } = await sealedSite()
  await using _ = site
  random(site.at('home', 'large'), 30)
  await backUp(site.server, { sources: ['home'] })
  const broken = new Promise<void>((resolve) => {
    const timer = setInterval(() => {
      const incoming = readdirSync(`${site.vault}/web1/incoming`)
      if (incoming.length === 0) return
      clearInterval(timer)
      void site.sshd.stop('SIGKILL').then(resolve)
    }, 5)
  })
  await Promise.all([copied().catch(() => {}), broken.then(() => site.sshd.listen())])
  expect(await copied()).toMatchObject({ copies: [{ waiting: 0 }] })
  expect(new Set(readFileSync(site.there('asked'), 'utf8').match(/"sha256":"[0-9a-f]{64}"/g))).toHaveLength(1)
})

testWithSshd(
  'after a change of recipients new copies are for them, and those that are there stay',
  async () => {
    const { site, identity, encryptTo, another, copied } = await sealedSite()
    await using _ = site
    await copied()
    const [first = ''] = site.accepted()
    encryptTo(another)
    await copied()
    expect(site.accepted()).toEqual([first])
    await backUp(site.server, { sources: ['home'] }, daysOn(1))
    expect(await copied(daysOn(1))).toMatchObject({ copies: [{ archives: 1, waiting: 0 }] })
    const [second = ''] = site.accepted().filter((copy) => copy !== first)
    expect(() => openedByHand(second, identity)).toThrow()
    expect(openedByHand(second, another).equals(openedByHand(first, identity))).toBe(true)
    // Without its state it counts what the vault has, and begins anew with the next night.
    rmSync(site.at('state/sealed'), { recursive: true })
    expect(await copied(daysOn(1))).toMatchObject({ copies: [{ archives: 0, waiting: 0 }] })
    writeFileSync(site.at('home', 'file'), 'changed')
    await backUp(site.server, { sources: ['home'] }, daysOn(2))
    expect(await copied(daysOn(2))).toMatchObject({ copies: [{ archives: 1, waiting: 0 }] })
    const [third = ''] = site.accepted().filter((copy) => copy !== first && copy !== second)
    openedByHand(third, another)
  },
)

testWithSshd('without recipients nothing is sent', async () => {
  const { site, identity } = await sealedSite()
  await using _ = site
  writeFileSync(`${identity.replace('identity', 'recipients')}`, readFileSync(identity))
  const { exitCode, error } = await site.copy()
  expect(exitCode).toBe(1)
  expect(error).toMatch(/recipients.txt has an identity in it/)
  expect(site.asked()).not.toContain('offer')
  const { findings } = JSON.parse((await site.hdsync('check', '--json')).out) as {
    findings: { id: string }[]
  }
  expect(findings.map(({ id }) => id)).toContain('copy.no-recipients')
})

testWithSshd(
  'an encrypted copy is restored with an identity, and what is not as it was sent is refused',
  async () => {
    const { site, identity, encryptTo, another, copied } = await sealedSite()
    await using _ = site
    random(site.at('home', 'large'), 3)
    await backUp(site.server, { sources: ['home'] })
    await copied()
    const restore = (...words: string[]) =>
      site.hdsync('restore', 'home', '--from', 'offsite', '--to', site.at('back'), '-q', ...words)
    const fetched = () => readdirSync(site.at('state/fetched')).map((name) => name.slice(64))
    const missing = await restore()
    expect(missing).toMatchObject({
      exitCode: 1,
      err: expect.stringMatching(/is encrypted.*\n {2}--identity FILE/),
    })
    expect(site.asked()).not.toContain('get')
    expect((await restore('--identity', site.at('none'))).err).toMatch(/the identity cannot be read: .*none/)
    encryptTo(another)
    const wrong = await restore('--identity', another)
    expect(wrong).toMatchObject({
      exitCode: 1,
      err: expect.stringContaining('is not an identity that it was encrypted to'),
    })
    expect(fetched()).toEqual(['.part'])
    expect((await site.hdsync('ls', 'home', '--from', 'offsite', '--identity', identity)).out).toBe(
      'file\nlarge\n',
    )
    const restored = await restore('--identity', identity)
    expect(restored, restored.err).toMatchObject({ exitCode: 0 })
    execFileSync('diff', ['-r', site.at('home'), site.at('back')])
    expect(fetched()).toEqual([])
    const stored = spawnSync('grep', ['-rlE', 'AGE-SECRET|identity.txt', site.at('state')])
    expect(stored.status).toBe(1)
  },
)
