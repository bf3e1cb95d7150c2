import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { systemClock } from '../../../runtime/core/clock.ts'
import { backUp } from '../runtime/cli/night.ts'
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
