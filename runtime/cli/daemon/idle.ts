import { type Clock, systemClock } from '../../core/clock.ts'

/** Notices when nothing has been going on for a while. */
export interface IdleWatch {
  /** Something goes on. */
  touch(): void
  stop(): void
}

export interface IdleOptions {
  /** How long nothing has to go on; for ever unless given. */
  idleMs: number | undefined
  /** Whether something goes on that says nothing. */
  busy(): boolean
  /** @returns Whether it leaves: not where it cannot, or where something has begun meanwhile. */
  leave(): Promise<boolean>
  clock?: Clock
}

export function createIdleWatch({ idleMs, busy, leave, clock = systemClock }: IdleOptions): IdleWatch {
  if (idleMs === undefined) return { touch() {}, stop() {} }
  let clear = () => {}
  let stopped = false
  let last = clock.now()
  const arm = (delayMs: number) => {
    clear()
    if (stopped) return
    clear = clock.schedule(delayMs, () => {
      const quietMs = clock.now() - last
      if (busy()) arm(idleMs)
      else if (quietMs < idleMs) arm(idleMs - quietMs)
      else {
        leave().then(
          (left) => left || arm(idleMs),
          () => arm(idleMs),
        )
      }
    })
  }
  arm(idleMs)
  return {
    // Called for every event of a night: the timer is left as it is, and looks at the time when it fires.
    touch() {
      last = clock.now()
    },
    stop() {
      stopped = true
      clear()
    },
  }
}
