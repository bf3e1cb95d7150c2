import type { Progress } from '../../progress.ts'

/**
 * Counts bytes as they pass.
 * @param totalBytes How many there will be, where that is known.
 */
export function meter(
  totalBytes: number | null,
  onProgress: (progress: Progress) => void,
): (chunk: { length: number }) => void {
  const startedAt = performance.now()
  let bytes = 0
  return (chunk) => {
    bytes += chunk.length
    const seconds = (performance.now() - startedAt) / 1000
    onProgress({ bytes, totalBytes, bytesPerSecond: seconds > 0 ? Math.round(bytes / seconds) : 0 })
  }
}
