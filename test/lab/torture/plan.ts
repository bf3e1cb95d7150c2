import { createHash } from 'node:crypto'

/** What a night says when it gets there, as `hdsync run` prints it on stderr. */
export const phases = {
  begin: /begins: /,
  create: /takes a snapshot/,
  mount: /mounts the snapshot/,
  copy: / copies$/,
  copied: /mirror done/,
  release: /snapshot removed/,
  archive: /writes the archive/,
  archived: / archive \//,
} as const

/** What a restore says. */
export const restorePhases = {
  unpack: / unpacking$/,
  place: / putting everything in its place/,
  placed: / restored into /,
} as const

/** What a rescue says: each step, with its command. */
export const rescuePhases = {
  disks: /\] .*: (wipefs|sfdisk|pvcreate|vgcreate) /,
  volume: /\] .*: lvcreate /,
  format: /\] .*: mkfs\./,
  fill: /\] source .*: hdsync /,
} as const

/** What a verification says. */
export const verifyPhases = {
  compare: / compares the mirror /,
  read: / reads \//,
} as const

export const allPhases = { ...phases, ...restorePhases, ...rescuePhases, ...verifyPhases }
export type Phase = keyof typeof allPhases

/** A moment of a night: a part of its usual length, or a while after it has said or started something. */
export type Moment =
  | { fraction: number }
  | { phase: Phase; nth: number; delayMs: number }
  | { during: string; nth: number; delayMs: number }

/** Programs of hdsync's that are killed while it lives. */
export const programs = ['rsync', 'lvcreate', 'tar'] as const
export type Program = (typeof programs)[number]

/** All commands that change something, or take their time. */
const commands = ['lvcreate', 'mount', 'rsync', 'umount', 'lvremove', 'tar', 'zstd']

/** One way to spoil a night. */
export type Trial = { name: string } & (
  | { kind: 'cut' | 'hdsync'; moments: Moment[]; after: 'run' | 'recovery'; pauseMs: number }
  /** The nth time that the program is started, so long after its start; rsync is three processes. */
  | { kind: Program; nth: number; delayMs: number; whom: 'all' | 'first' }
  | { kind: 'overlap'; delayMs: number }
  | { kind: 'clock'; hours: number; held: 'rsync' | 'tar' }
  /** A restore in place is cut off, and then ended or taken back. */
  | {
      kind: 'restore'
      by: 'cut' | 'kill'
      source: 'var' | 'home'
      from: 'mirror' | 'archive'
      moment: { phase: Phase; nth: 1; delayMs: number }
      end: 'resume' | 'undo'
    }
  /** A verification is cut off while it replaces what has rotted in a mirror. */
  | {
      kind: 'verify'
      by: 'cut' | 'kill'
      source: 'var' | 'home'
      moment: { phase: Phase; nth: 1; delayMs: number }
    }
  /** A rescue onto empty disks is cut off, and then goes on. */
  | { kind: 'rescue'; by: 'cut' | 'kill'; moment: { phase: Phase; nth: number; delayMs: number } }
)
export type Kind = Trial['kind']
export const kinds: readonly Kind[] = [
  'cut',
  'hdsync',
  ...programs,
  'overlap',
  'clock',
  'restore',
  'verify',
  'rescue',
]

export interface PlanOptions {
  seed: string
  cuts: number
  kills: number
  overlap: number
  clock: number
  restores: number
  verifies: number
  rescues: number
}

/** All trials of a torture. Each depends on the seed and its own name alone, so that it can be had again by itself. */
export function planTrials({
  seed,
  cuts,
  kills,
  overlap,
  clock,
  restores,
  verifies,
  rescues,
}: PlanOptions): Trial[] {
  const several = (kind: string, count: number, plan: (name: string, random: Random) => Trial) =>
    Array.from({ length: count }, (_, index) => {
      const name = `${kind}-${index + 1}`
      return plan(name, randomOf(`${seed} ${name}`))
    })
  return [
    ...several('cut', cuts, (name, random) => stop(name, 'cut', random)),
    ...several('kill', kills, (name, random) => kill(name, random)),
    ...several('overlap', overlap, (name, random) => ({
      name,
      kind: 'overlap',
      delayMs: random.below(2) === 0 ? 0 : random.below(150),
    })),
    ...several('clock', clock, (name, random) => ({
      name,
      kind: 'clock',
      hours: (1 + random.below(30)) * random.pick([-1, 1]),
      held: random.pick(['rsync', 'tar']),
    })),
    ...several('restore', restores, (name, random) => ({
      name,
      kind: 'restore',
      by: random.pick(['cut', 'kill']),
      source: random.pick(['var', 'home']),
      from: random.pick(['mirror', 'archive']),
      moment: {
        phase: random.pick(['unpack', 'place', 'place', 'place']),
        nth: 1,
        delayMs: random.below(random.pick([50, 400, 1500])),
      },
      end: random.pick(['resume', 'undo']),
    })),
    ...several('verify', verifies, (name, random) => ({
      name,
      kind: 'verify',
      by: random.pick(['cut', 'kill']),
      source: random.pick(['var', 'home']),
      moment: { phase: 'compare', nth: 1, delayMs: random.below(random.pick([500, 3000, 12_000])) },
    })),
    ...several('rescue', rescues, (name, random) => ({
      name,
      kind: 'rescue',
      by: random.pick(['cut', 'kill']),
      moment: {
        phase: random.pick(['disks', 'volume', 'format', 'fill', 'fill']),
        nth: 1 + random.below(2),
        delayMs: random.below(random.pick([50, 400, 3000])),
      },
    })),
  ]
}

function kill(name: string, random: Random): Trial {
  const kind = random.pick(['hdsync', 'hdsync', ...programs] as const)
  if (kind === 'hdsync') return stop(name, kind, random)
  // Two volumes; three copies, of which one after a fault is forecast first; three archives.
  const nth = 1 + random.below({ lvcreate: 2, rsync: 4, tar: 3 }[kind])
  const delayMs = random.below(kind === 'tar' ? 150 : 400)
  return { name, kind, nth, delayMs, whom: random.pick(['all', 'first']) }
}

/** Every fourth time, what puts things in order is stopped as well. */
function stop(name: string, kind: 'cut' | 'hdsync', random: Random): Trial {
  const moments = [momentOf(random), ...(random.below(4) === 0 ? [{ fraction: random.next() / 2 }] : [])]
  return { name, kind, moments, after: random.pick(['run', 'recovery']), pauseMs: random.below(500) }
}

function momentOf(random: Random): Moment {
  const means = random.pick(['clock', 'words', 'command'])
  if (means === 'clock') return { fraction: random.next() }
  if (means === 'command') {
    const during = random.pick(commands)
    return { during, nth: 1 + random.below(2), delayMs: random.below(300) }
  }
  const phase = random.pick(Object.keys(phases) as Phase[])
  const nth = phase === 'begin' ? 1 : 1 + random.below(2)
  // Most of what can go wrong goes wrong soon after something has begun.
  return { phase, nth, delayMs: random.below(random.pick([50, 400, 2000])) }
}

interface Random {
  /** From 0 up to 1. */
  next(): number
  /** A whole number from 0, below the limit. */
  below(limit: number): number
  pick<T>(from: readonly T[]): T
}

/** The same numbers for the same words. @see https://github.com/bryc/code (mulberry32) */
function randomOf(words: string): Random {
  let state = createHash('sha256').update(words).digest().readUInt32LE()
  const next = () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  const below = (limit: number) => Math.floor(next() * limit)
  return { next, below, pick: <T>(from: readonly T[]) => from[below(from.length)] as T }
}
