import type { Outlook } from '../../backup/proof/outlook.ts'
import { formatBytes, formatDuration } from '../../units.ts'

/** `reads up to 50 GiB of 3 TiB, in about 8m; all of it once: about 60d`. */
export function outlookText({ bytes, totalBytes, ms, turnMs }: Outlook): string {
  const what =
    bytes < totalBytes ? `up to ${formatBytes(bytes)} of ${formatBytes(totalBytes)}` : formatBytes(bytes)
  const turn = bytes < totalBytes ? `; all of it once: about ${formatDuration(turnMs)}` : ''
  return `reads ${what}, in about ${formatDuration(Math.max(1000, ms))}${turn}`
}
