import { beforeAll } from 'vitest'
import { describeNight, type Night } from '../night.ts'
import {
  changes,
  type Medium,
  media,
  mountDisks,
  type Source,
  type States,
  server,
  sources,
  states,
} from './server.ts'

/** What the volumes held in each night. */
export type Nights = Record<Medium, States>

const all: Record<Medium, readonly Source[]> = {
  'kept archive': sources,
  'weekday archive': sources,
  mirror: sources,
}

/**
 * Boots the server, and makes its three nights.
 * @param of What each night backs up: a copy that nothing is brought back from takes half a minute.
 */
export function describeThreeNights(
  name: string,
  tests: (night: Night, was: Nights) => void,
  of = all,
): void {
  describeNight(name, server, (night) => {
    const was = {} as Nights

    beforeAll(async () => {
      for (const [index, medium] of media.entries()) {
        if (index > 0) {
          await night.machine.ok(`date -s '+${index === 1 ? 1 : 6} days' >/dev/null
            for at in /srv/{var,home,data}; do cd $at; ${changes[index - 1]}; done`)
        }
        was[medium] = await states(night, medium, of[medium])
        const { code, result } = await night.run('run', ...of[medium])
        if (code !== 0 || result?.state !== 'succeeded') throw new Error(JSON.stringify({ code, result }))
      }
      await night.machine.ok(`date -s '+1 day' >/dev/null; ${mountDisks}`)
    })

    tests(night, was)
  })
}
