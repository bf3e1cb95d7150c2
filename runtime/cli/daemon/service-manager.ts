import { createRunner, unobserved } from '../../host/command/command.ts'
import { printable } from '../format.ts'
import { serialQueue } from '../serial-queue.ts'

/** What a daemon tells systemd, and asks of it. Does nothing where systemd did not start this process. */
export interface ServiceManager {
  /** Up, and ready for events. */
  ready(): void
  reloading(): void
  stopping(): void
  /** One line for `systemctl status`. A line break in it would begin another message, such as `WATCHDOG=trigger`: it is printed as an escape. */
  status(text: string): void
  /** Tells that all is well, as often as the unit's `WatchdogSec=` asks for, as long as `isWell` says so. */
  watch(isWell: () => boolean): () => void
  /** Has this service started again at a moment. @returns Whether that could be arranged. */
  wakeAt(time: number): Promise<boolean>
}

/** A unit that is made for one awakening, and is gone after it. */
const wakeUnit = 'hdsync-wake'
const service = 'hdsync.service'
const limitMs = 10_000
/** systemd passes over a datagram of more than 4096 bytes. */
const longestStatus = 1000

/** @see sd_notify(3): Node has no datagram sockets of that family, so systemd-notify sends what is to be told. */
export function createServiceManager(env: NodeJS.ProcessEnv): ServiceManager {
  const runner = createRunner({
    observer: unobserved,
    signal: new AbortController().signal,
    owner: '',
  })
  const run = (argv: [string, ...string[]]) => runner.run({ argv, timeoutMs: limitMs })
  const tell = serialQueue()
  const notify = (...words: string[]) => {
    if (!env.NOTIFY_SOCKET) return
    const socket = { NOTIFY_SOCKET: env.NOTIFY_SOCKET }
    const argv = ['systemd-notify', ...words] as [string, ...string[]]
    tell(() => runner.run({ argv, timeoutMs: limitMs, env: socket }))
  }
  return {
    ready: () => notify('--ready'),
    reloading: () => notify('RELOADING=1'),
    stopping: () => notify('STOPPING=1'),
    status: (text) => notify(`--status=${printable(text).slice(0, longestStatus)}`),
    watch(isWell) {
      const intervalMs = Number(env.WATCHDOG_USEC) / 2000
      if (!(intervalMs > 0) || Number(env.WATCHDOG_PID ?? process.pid) !== process.pid) return () => {}
      const timer = setInterval(() => {
        if (isWell()) notify('WATCHDOG=1')
      }, intervalMs)
      return () => clearInterval(timer)
    },
    async wakeAt(time) {
      if (!env.INVOCATION_ID) return false
      const calendar = new Date(time).toISOString().replace('T', ' ').replace(/\..*/, ' UTC')
      try {
        // The timer of an earlier awakening stands in the way of a new one.
        await run(['systemctl', 'stop', `${wakeUnit}.timer`]).catch(() => {})
        const timer = [`--on-calendar=${calendar}`, '--timer-property=AccuracySec=1s']
        await run([
          'systemd-run',
          '--quiet',
          '--collect',
          `--unit=${wakeUnit}`,
          ...timer,
          'systemctl',
          'start',
          service,
        ])
        return true
      } catch {
        return false
      }
    },
  }
}
