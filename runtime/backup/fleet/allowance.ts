/** What a host has told in an hour that began at `from` (milliseconds since the epoch, by the clock of the hub). */
export interface Hour {
  from: number
  bytes: number
}

const hourMs = 3_600_000
/** About a thousand events: a host that has backed up every hour without its network for a month has less to tell. */
export const mostBytesPerHour: number = 4 * 2 ** 20
/** A small message costs the hub no less: a row, and those whom it concerns. */
const leastBytes = 4096

/** The hour once a message has come; another one begins where it is over, or the clock was set back. */
export function withMessage({ from, bytes }: Hour, size: number, now: number): Hour {
  const isOver = now < from || now - from >= hourMs
  const counted = Math.max(leastBytes, size)
  return isOver ? { from: now, bytes: counted } : { from, bytes: bytes + counted }
}

/** Whether what a host tells goes no further than into what the hub knows of it. */
export function tellsTooMuch({ bytes }: Hour): boolean {
  return bytes > mostBytesPerHour
}
