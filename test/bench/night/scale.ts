/** Share of the files and bytes that the benches of a night take: `HDSYNC_BENCH_SCALE=0.05` while they are worked on. */
export const scale = Number(process.env.HDSYNC_BENCH_SCALE ?? 1)

/** How often each comparison is made, each time from fresh disks. */
export const rounds = Number(process.env.HDSYNC_BENCH_ROUNDS ?? 3)

/** What the other benches on the host back up: two sources, half of this each. */
export const plainSize = { files: Math.round(51_200 * scale), bytes: Math.round(2 ** 30 * scale) }
/** What `nightSmall` backs up: a few thousand small files, where what each night takes at least weighs most. */
export const smallSize = { files: Math.round(15_360 * scale), bytes: Math.round(290 * 2 ** 20 * scale) }
export const plainSources = ['mail', 'web'] as const

/** What changes in a night that is not quiet. */
export const changedShare = 0.05

/** What lies on the two volumes of the lab machine, half of it on each. */
export const labSize = { files: Math.round(16_384 * scale), bytes: Math.round(512 * 2 ** 20 * scale) }
