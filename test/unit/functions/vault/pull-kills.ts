import { expect } from 'vitest'
import { backUp } from '../../runtime/cli/night.ts'
import { digest } from '../copy-site.ts'
import { Killer, makeLarge, seeded } from './kills.ts'
import { PullSite } from './pull-site.ts'

/**
 * Kills the vault, its connections or the sshd of the host at moments that a seed tells, while an archive is fetched. After each kill the
 * vault has no copy that is torn. In the end the archive is there.
 */
export async function killsOfPulls(kills: number, seed: number): Promise<void> {
  await using site = await PullSite.made({ words: 'home', pull: ', limit: { "00:00-24:00": 8M }' })
  makeLarge(site.at('home', 'large'), kills)
  await backUp(site.server, { sources: ['home'] })
  const sha256 = digest(site.archive())
  const killer = new Killer(site, ['vault', 'pull', '--config', site.vaultConfig], seeded(seed), [0.5, 0.75])
  let midway = 0
  for (let n = 0; n < kills; n += 1) {
    await killer.kill()
    const accepted = site.accepted().map(digest)
    if (accepted.length === 0) midway += 1
    expect(accepted.every((one) => one === sha256)).toBe(true)
  }
  await killer.end()
  expect(midway, 'kills before the archive was there').toBeGreaterThan(kills / 4)
  // What is left of a vault that was killed may have the lock for a moment.
  await expect.poll(async () => (await site.pull()).error, { timeout: 60_000 }).toBeNull()
  expect(site.accepted().map(digest)).toEqual([sha256])
}
