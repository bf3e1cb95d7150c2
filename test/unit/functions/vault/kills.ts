import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'vitest'
import { program } from '../../program.ts'
import { backUp } from '../../runtime/cli/night.ts'
import { openedByHand, sealedSite } from './sealed-site.ts'
import { Site } from './site.ts'

const slow = ', limit: { "00:00-24:00": 8M }'

/**
 * Kills the sender, the receiver or sshd at moments that a seed tells, while an archive is sent. After each kill the vault has no copy
 * that is torn, and the host counts none that the vault has not. In the end the archive is there.
 * @param isEncrypted What is in a copy is what age and openssl find there.
 */
export async function killsAtAnyMoment(kills: number, seed: number, isEncrypted = false): Promise<void> {
  const sealed = isEncrypted ? await sealedSite(slow) : undefined
  await using site = sealed?.site ?? (await Site.made({ more: slow }))
  makeLarge(site.at('home', 'large'))
  await backUp(site.server, { sources: ['home'] })
  const archive = readFileSync(site.archive())
  const isWhole = (copy: string) =>
    archive.equals(sealed ? openedByHand(copy, sealed.identity) : readFileSync(copy))
  const random = seeded(seed)
  for (let n = 0; n < kills; n += 1) {
    await killAtAMoment(site, ['copy', '--config', site.server.config, '-q'], {
      ...{ random, withinMs: 8000, childUpTo: 0.4, connectionsUpTo: 0.7 },
    })
    expect(site.accepted().every(isWhole)).toBe(true)
    expect(await countedAsCopied(site)).toBeLessThanOrEqual(site.accepted().length)
  }
  expect(await site.copy()).toMatchObject({ exitCode: 0, copies: [{ waiting: 0 }] })
  expect(site.accepted().map(isWhole)).toEqual([true])
}

/** A file that takes some seconds to send under the limits of these tests. */
export function makeLarge(file: string): void {
  execFileSync('dd', ['if=/dev/urandom', `of=${file}`, 'bs=1M', 'count=24', 'status=none'])
}

interface Killing {
  random: () => number
  /** The moment is so long after the other end was asked, at most. */
  withinMs: number
  /** Shares of what is killed: hdsync below the one, the connections below the other, else sshd. */
  childUpTo: number
  connectionsUpTo: number
}

/** Starts hdsync, and kills it, its connections or the sshd that it has asked. Waits for its end. */
export async function killAtAMoment(
  site: Pick<Site, 'sshd' | 'asked'>,
  words: readonly string[],
  { random, withinMs, childUpTo, connectionsUpTo }: Killing,
): Promise<void> {
  const before = site.asked().length
  const child = spawn(program, words, { stdio: 'ignore' })
  const ended = once(child, 'exit')
  // From the moment at which the other end is asked: until then there is nothing to tear.
  while (site.asked().length === before && child.exitCode === null) await sleep(20)
  await Promise.race([ended, sleep(random() * withinMs)])
  const what = random()
  if (what < childUpTo) child.kill('SIGKILL')
  else if (what < connectionsUpTo) site.sshd.breakConnections()
  else {
    await site.sshd.stop('SIGKILL')
    await site.sshd.listen()
  }
  await ended
}

/** Numbers from 0 to 1 that a seed tells. */
export function seeded(seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff
    return state / 0x7fffffff
  }
}

/** How many archives the host has on record as proved by the vault. */
async function countedAsCopied(site: Site): Promise<number> {
  const { out } = await site.hdsync('events', '--type', 'copy.proved', '--json')
  return out.split('\n').filter((line) => line.includes('copy.proved')).length
}
