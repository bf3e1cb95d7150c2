import { beforeAll, describe, expect } from 'vitest'
import { describeNight } from '../night.ts'
import { commands } from './commands.ts'
import { cutOff } from './cut-off.ts'
import { elsewhere } from './elsewhere.ts'
import { inPlace } from './in-place.ts'
import { changes, type Medium, media, mountDisks, type States, server, states } from './server.ts'

/** What the volumes held in each night. */
export type Nights = Record<Medium, States>

describeNight('what three nights of reiserfs, ext3 and xfs have kept', server, (night) => {
  const was = {} as Nights

  beforeAll(async () => {
    for (const [index, medium] of media.entries()) {
      if (index > 0) {
        await night.machine.ok(`date -s '+${index === 1 ? 1 : 6} days' >/dev/null
          for at in /srv/{var,home,data}; do cd $at; ${changes[index - 1]}; done`)
      }
      was[medium] = await states(night, medium)
      const { code, result } = await night.run()
      expect(result).toMatchObject({ state: 'succeeded' })
      expect(code).toBe(0)
    }
    await night.machine.ok(`date -s '+1 day' >/dev/null; ${mountDisks}`)
  })

  describe('is told', () => commands(night))
  describe('comes back elsewhere', () => elsewhere(night, was))
  describe('comes back in its place', () => inPlace(night, was))
  describe('comes back after a restore was cut off', () => cutOff(night, was))
})
