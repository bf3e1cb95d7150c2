import { type LimitWindow, limitAt, limitLastsMs } from '../../../config/copy-vault.ts'

/**
 * A signal that is aborted as soon as another limit holds.
 * @param limit The one that holds. @param now Milliseconds since the epoch.
 */
export function limitChange(
  windows: readonly LimitWindow[],
  limit: number | undefined,
  now: () => number,
): { signal: AbortSignal } & Disposable {
  const controller = new AbortController()
  let timer: NodeJS.Timeout | undefined
  const wait = () => {
    const lasts = limitLastsMs(windows, now())
    if (lasts === undefined) return
    timer = setTimeout(() => {
      if (limitAt(windows, now()) === limit) wait()
      else controller.abort(new Error('another limit holds'))
    }, lasts)
  }
  wait()
  return { signal: controller.signal, [Symbol.dispose]: () => clearTimeout(timer) }
}
