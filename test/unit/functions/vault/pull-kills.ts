import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'vitest'
import { program } from '../../program.ts'
import { backUp } from '../../runtime/cli/night.ts'
import { digest } from '../copy-site.ts'
import { seeded } from './kills.ts'
import { PullSite } from './pull-site.ts'

/**
 * Kills the vault, its connections or the sshd of the host at moments that a seed tells, while an archive is fetched. After each kill the
 * vault has no copy that is torn. In the end the archive is there.
 */
export async function killsOfPulls(kills: number, seed: number): Promise<void> {
  await using site = await PullSite.made({ words: 'home', pull: ', limit: { "00:00-24:00": 8M }' })
  execFileSync('dd', [
    'if=/dev/urandom',
    `of=${site.at('home', 'large')}`,
    'bs=1M',
    'count=24',
    'status=none',
  ])
  await backUp(site.server, { sources: ['home'] })
  const sha256 = digest(site.archive())
  const random = seeded(seed)
  for (let n = 0; n < kills; n += 1) {
    const asked = site.asked().length
    const child = spawn(program, ['vault', 'pull', '--config', site.vaultConfig], { stdio: 'ignore' })
    const ended = once(child, 'exit')
    // From the moment at which the host is asked: until then there is nothing to tear.
    while (site.asked().length === asked && child.exitCode === null) await sleep(20)
    await Promise.race([ended, sleep(random() * 6000)])
    const what = random()
    if (what < 0.5) child.kill('SIGKILL')
    else if (what < 0.75) site.sshd.breakConnections()
    else {
      await site.sshd.stop('SIGKILL')
      await site.sshd.listen()
    }
    await ended
    const accepted = site.accepted().map(digest)
    expect(accepted.every((one) => one === sha256)).toBe(true)
  }
  // What is left of a vault that was killed may have the lock for a moment.
  await expect.poll(async () => (await site.pull()).error, { timeout: 60_000 }).toBeNull()
  expect(site.accepted().map(digest)).toEqual([sha256])
}
