/** Something that can be proven: an archive's file, or a mirror. */
export interface Item {
  kind: 'archive' | 'mirror'
  source: string
  /** Of the archive, or of the mirror's folder. */
  path: string
  /** Of an archive: tells its file from others. */
  file: string
  sizeBytes: number
  /** What is still to be read of it in this turn. */
  leftBytes: number
  /** When it was last proven, in milliseconds since the epoch; 0 for never. */
  provenAt: number
  /** It cannot be taken up in the middle, and may take more than the budget: it is large, and no piece of it is on record. */
  inOneGo?: boolean
}

/** How far a verification may go; null without a limit. */
export interface Limits {
  /** Milliseconds since the epoch. */
  until: number | null
  bytesLeft: number | null
  /** What has been read so far. */
  read?: number
}

/** Whether there is nothing left of the budget. */
export function isSpent({ until, bytesLeft }: Limits, now: number): boolean {
  return (until !== null && now >= until) || (bytesLeft !== null && bytesLeft <= 0)
}

/** What is left when so much has been read. */
export function minus<T extends Limits>(limits: T, bytes: number): T {
  const { bytesLeft, read = 0 } = limits
  return { ...limits, bytesLeft: bytesLeft === null ? null : bytesLeft - bytes, read: read + bytes }
}

/**
 * What is read next: what has not been proven for the longest time.
 * @param startedAt When the run began: what was proven since is done.
 */
export function nextItem(items: readonly Item[], startedAt: number): Item | undefined {
  return items
    .filter(({ provenAt }) => provenAt < startedAt)
    .toSorted((one, other) => one.provenAt - other.provenAt)[0]
}

/** How long reading takes. */
export interface Forecast {
  /** What there is in all. */
  totalBytes: number
  /** What this run reads, and how long that takes. */
  bytes: number
  ms: number
  /** How long it takes until everything has been read once, one run following the other by `every`. */
  turnMs: number
}

/** For a disk of which nothing is known. */
export const usualBytesPerSecond = 100 * 1024 ** 2

/**
 * Tells how long a verification takes, and a whole turn.
 * @param budgetMs Of each run, as `bytes`; undefined without a limit.
 * @param everyMs How often one is begun; undefined where nobody begins any by itself.
 */
export function forecast(
  items: readonly Pick<Item, 'sizeBytes' | 'leftBytes' | 'provenAt' | 'inOneGo'>[],
  limits: { budgetMs: number | undefined; bytes: number | undefined; everyMs: number | undefined },
  bytesPerSecond: number,
): Forecast {
  const most = Math.min(
    limits.bytes ?? Number.POSITIVE_INFINITY,
    limits.budgetMs === undefined ? Number.POSITIVE_INFINITY : (limits.budgetMs / 1000) * bytesPerSecond,
  )
  const totalBytes = items.reduce((total, { sizeBytes }) => total + sizeBytes, 0)
  const bytes = readWithin(items, most)
  const runs = Math.max(1, Math.ceil(totalBytes / most))
  const msOf = (count: number) => Math.round((count / bytesPerSecond) * 1000)
  const turnMs =
    runs === 1 || limits.everyMs === undefined ? msOf(totalBytes) : (runs - 1) * limits.everyMs + msOf(most)
  return { totalBytes, bytes: Math.round(bytes), ms: msOf(bytes), turnMs }
}

/** How much is read of items in their order, with so much allowed: of one that is read in one go all. */
function readWithin(items: Parameters<typeof forecast>[0], most: number): number {
  let bytes = 0
  for (const { leftBytes, inOneGo } of items.toSorted((one, other) => one.provenAt - other.provenAt)) {
    if (bytes >= most) break
    bytes += inOneGo ? leftBytes : Math.min(leftBytes, most - bytes)
  }
  return bytes
}

/** Whether it is time for the next verification. The nights before it do not take equally long. */
export function isDue(lastAt: number | undefined, everyMs: number, now: number): boolean {
  return lastAt === undefined || now - lastAt >= everyMs * 0.9 || lastAt > now
}
