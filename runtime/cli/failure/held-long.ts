const longMs = 12 * 3_600_000

/**
 * Whether who is at work keeps a night from taking place: a backup that began a little while ago is that night.
 * @param startedAt Of its run, in milliseconds since the epoch; undefined where it is at none.
 */
export function isHeldLong(startedAt: number | undefined, now = Date.now()): boolean {
  return startedAt === undefined || now - startedAt > longMs
}
