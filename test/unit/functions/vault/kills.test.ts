import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { expect, test } from 'vitest'
import { program } from '../../program.ts'
import { countedAsCopied, killsAtAnyMoment } from './kills.ts'
import { killsOfPulls } from './pull-kills.ts'
import { Site } from './site.ts'
import { whyNoSshd } from './sshd.ts'

test.skipIf(whyNoSshd !== undefined)('kills of sender, receiver and sshd tear nothing', () =>
  killsAtAnyMoment(4, 20_261_129),
)

test.skipIf(whyNoSshd !== undefined)('kills of a vault that fetches, and of sshd, tear nothing', () =>
  killsOfPulls(4, 20_261_130),
)

test.skipIf(whyNoSshd !== undefined)(
  'killed between proofs of several nights, the host counts none that the vault has not, and goes on with the rest',
  async () => {
    await using site = await Site.made()
    const nights = [4, 3, 2, 1].map((days) => site.older(days, 'the same'))
    const [first = ''] = nights
    for (const night of nights.slice(1))
      execFileSync('cp', ['-p', site.at('disk/kept', first, 'home.tar.zst'), site.at('disk/kept', night)])
    expect((await site.hdsync('verify', '-q')).exitCode).toBe(0)
    const proofs = () => site.asked().filter((word) => word === 'prove').length
    // In the middle of the second proof, of the third, and so on.
    for (let nth = 2; nth <= 4; nth += 1) {
      const child = spawn(program, ['copy', '--config', site.server.config, '-q'], { stdio: 'ignore' })
      const ended = once(child, 'exit')
      const before = proofs()
      await expect
        .poll(() => proofs() - before > 1 || child.exitCode !== null, { interval: 5, timeout: 60_000 })
        .toBe(true)
      child.kill('SIGKILL')
      await ended
      expect(await countedAsCopied(site)).toBeLessThanOrEqual(site.accepted().length)
    }
    expect(await site.copy()).toMatchObject({ exitCode: 0, copies: [{ waiting: 0, error: null }] })
    expect(site.accepted()).toHaveLength(5)
    const { out } = await site.hdsync('backups', '--from', 'offsite', '--json')
    const points = JSON.parse(out) as { at: string }[]
    expect(new Set(points.map(({ at }) => at)).size).toBe(5)
  },
  120_000,
)
