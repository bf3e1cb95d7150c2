/** A command of `hdsync show --json --commands`. */
export interface Command {
  event: string
  source: string | null
  argv: string[]
  startedAt: string
  durationMs: number | null
}

/** What a night's commands are for. */
export type Kind =
  | 'walks'
  | 'dry run'
  | 'copy'
  | 'archive'
  | 'reading back'
  | 'flush'
  | 'LVM and mounts'
  | 'other commands'

export const kinds: readonly Kind[] = [
  'walks',
  'dry run',
  'copy',
  'archive',
  'reading back',
  'flush',
  'LVM and mounts',
  'other commands',
]

const machinery = ['lvs', 'lvcreate', 'lvremove', 'dmsetup', 'blkid', 'findfs', 'mount', 'umount']

export function kindOf({ argv }: Pick<Command, 'argv'>): Kind {
  const [program = ''] = argv
  if (program === 'rsync') return argv.includes('--dry-run') ? 'dry run' : 'copy'
  if (program === 'sync') return 'flush'
  if (program === 'find') return 'walks'
  if (program === 'tar') return 'archive'
  if (['zstd', 'gzip', 'dd'].includes(program)) return 'reading back'
  return machinery.includes(program) ? 'LVM and mounts' : 'other commands'
}

/**
 * Milliseconds in which at least one command of a kind ran, and in which none ran at all: hdsync's own. Archives are
 * written while the next source is copied, so that the kinds may be more than the whole.
 */
export function shares(commands: readonly Command[], wallMs: number): Record<Kind | 'own', number> {
  const of = (kind: Kind) => covered(commands.filter((command) => kindOf(command) === kind))
  const byKind = Object.fromEntries(kinds.map((kind) => [kind, of(kind)])) as Record<Kind, number>
  return { ...byKind, own: wallMs - covered(commands) }
}

/** Milliseconds in which at least one command ran. */
export function covered(commands: readonly Pick<Command, 'startedAt' | 'durationMs'>[]): number {
  let total = 0
  let end = 0
  const spans = commands.map(({ startedAt, durationMs }) => ({
    from: Date.parse(startedAt),
    ms: durationMs ?? 0,
  }))
  for (const { from, ms } of spans.toSorted((one, other) => one.from - other.from)) {
    total += Math.max(0, from + ms - Math.max(end, from))
    end = Math.max(end, from + ms)
  }
  return total
}
