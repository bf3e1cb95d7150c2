import { lstatSync } from 'node:fs'
import type { Progress } from '../../progress.ts'

const everyMs = 500

/**
 * Tells how far a file that rsync writes in its place has come, until it is disposed of.
 * @param totalBytes How large it becomes.
 */
export function watchGrowth(
  path: string,
  totalBytes: number,
  onProgress: (progress: Progress) => void,
): Disposable {
  const sizeNow = () => lstatSync(path, { throwIfNoEntry: false })?.size ?? 0
  const [begunAt, begun] = [performance.now(), sizeNow()]
  const timer = setInterval(() => {
    const bytes = sizeNow()
    const seconds = (performance.now() - begunAt) / 1000
    onProgress({ bytes, totalBytes, bytesPerSecond: Math.max(0, bytes - begun) / seconds })
  }, everyMs)
  return { [Symbol.dispose]: () => clearInterval(timer) }
}
