/** Resolved once the last one that was asked for lets the next one begin. */
let passed: Promise<void> = Promise.resolve()
/** Those that have begun, each resolved at its end. */
const going = new Set<Promise<void>>()
/** How many have not let the next one begin yet. */
let ahead = 0

/** The turn of one that reads or writes an archive. */
export class Turn {
  /** Lets the next one begin. */
  readonly pass: () => void
  /** Whether others were before it: what it was told then may be hours old. */
  readonly hasWaited: boolean
  #others: readonly Promise<void>[]

  constructor(others: readonly Promise<void>[], { pass, hasWaited }: Pick<Turn, 'pass' | 'hasWaited'>) {
    this.#others = others
    this.pass = pass
    this.hasWaited = hasWaited
  }

  /** Whether others that have passed may still be at work. */
  get hasCompany(): boolean {
    return this.#others.length > 0
  }

  /** Waits until they have ended. */
  async alone(): Promise<void> {
    await Promise.all(this.#others)
    this.#others = []
  }
}

/**
 * Does what reads or writes an archive when all that has been asked for before is done: a disk with a head reads one file at a
 * time, and an archive that is written takes every core to compress.
 * @throws The signal was aborted before its turn came.
 */
export function oneAtATime<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  return inTurn(signal, async (turn) => {
    await turn.alone()
    signal.throwIfAborted()
    return work()
  })
}

/** As `oneAtATime`, but that it need not wait for those that have passed. */
export async function inTurn<T>(signal: AbortSignal, work: (turn: Turn) => Promise<T>): Promise<T> {
  const before = passed
  const passing = Promise.withResolvers<void>()
  const end = Promise.withResolvers<void>()
  passed = passing.promise
  const hasWaited = ahead > 0
  ahead += 1
  passing.promise.then(() => {
    ahead -= 1
  })
  try {
    await before
    signal.throwIfAborted()
    const turn = new Turn([...going], { pass: passing.resolve, hasWaited })
    going.add(end.promise)
    return await work(turn)
  } finally {
    going.delete(end.promise)
    passing.resolve()
    end.resolve()
  }
}
