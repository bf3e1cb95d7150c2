import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
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
  makeLarge(site.at('home', 'large'), kills)
  await backUp(site.server, { sources: ['home'] })
  const archive = readFileSync(site.archive())
  const isWhole = (copy: string) =>
    archive.equals(sealed ? openedByHand(copy, sealed.identity) : readFileSync(copy))
  const killer = new Killer(site, ['copy', '--config', site.server.config, '-q'], seeded(seed), [0.4, 0.7])
  let midway = 0
  for (let n = 0; n < kills; n += 1) {
    await killer.kill()
    if (site.accepted().length === 0) midway += 1
    expect(site.accepted().every(isWhole)).toBe(true)
    expect(await countedAsCopied(site)).toBeLessThanOrEqual(site.accepted().length)
  }
  await killer.end()
  expect(midway, 'kills before the archive was there').toBeGreaterThan(kills / 4)
  expect(await site.copy()).toMatchObject({ exitCode: 0, copies: [{ waiting: 0 }] })
  expect(site.accepted().map(isWhole)).toEqual([true])
}

/** A file that is sent for as long as so many kills take, under the limits of these tests, about. */
export function makeLarge(file: string, kills: number): void {
  execFileSync('dd', ['if=/dev/urandom', `of=${file}`, 'bs=1M', `count=${12 + 6 * kills}`, 'status=none'])
}

/** Kills hdsync, its connections or the sshd that it asks, at moments that random numbers tell. */
export class Killer {
  readonly #site: Pick<Site, 'sshd' | 'asked'>
  readonly #words: readonly string[]
  readonly #random: () => number
  readonly #shares: readonly [number, number]
  #child: ChildProcess | undefined
  #ended: Promise<unknown> = Promise.resolve()

  /** @param shares Of what is killed: hdsync below the first, the connections below the second, else sshd. */
  constructor(
    site: Pick<Site, 'sshd' | 'asked'>,
    words: readonly string[],
    random: () => number,
    shares: readonly [number, number],
  ) {
    this.#site = site
    this.#words = words
    this.#random = random
    this.#shares = shares
  }

  /** Kills one of them. hdsync goes on over another connection, and is then what is killed next; where it has ended it is started. */
  async kill(): Promise<void> {
    const { sshd } = this.#site
    const child = await this.#running()
    await Promise.race([this.#ended, sleep(this.#random() * 3000)])
    const what = this.#random()
    if (what < this.#shares[0]) {
      child.kill('SIGKILL')
      await this.#ended
    } else if (what < this.#shares[1]) sshd.breakConnections()
    else {
      await sshd.stop('SIGKILL')
      await sshd.listen()
    }
  }

  /** Waits for the end of what still runs. */
  async end(): Promise<void> {
    await this.#ended
  }

  /** From the moment at which the other end is asked: until then there is nothing to tear. */
  async #running(): Promise<ChildProcess> {
    if (this.#child && this.#child.exitCode === null && this.#child.signalCode === null) return this.#child
    const before = this.#site.asked().length
    const child = spawn(program, this.#words, { stdio: 'ignore' })
    this.#child = child
    this.#ended = once(child, 'exit')
    while (this.#site.asked().length === before && child.exitCode === null) await sleep(20)
    return child
  }
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
export async function countedAsCopied(site: Site): Promise<number> {
  const { out } = await site.hdsync('events', '--type', 'copy.proved', '--json')
  return out.split('\n').filter((line) => line.includes('copy.proved')).length
}
