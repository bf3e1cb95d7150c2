import { type EventDefinition, opensGate } from '../../../events/define.ts'
import { TerminalError } from '../../errors.ts'
import { defineFunction } from '../function.ts'
import { createRegistry, type RegisteredFunction, register, UnfitError } from '../registry/registry.ts'
import { guestEvent, guestFunction } from './definitions.ts'
import { forgetDescribed, keepDescribed, readDescribed } from './described.ts'
import { failureText } from './failure-text.ts'
import { type Footprint, footprintOf } from './footprint.ts'
import { GuestHouse } from './house.ts'
import { keepKnown, readKnown } from './known.ts'
import { functionFiles } from './load-files.ts'
import type { Loaded, LoadFailure } from './messages.ts'
import type { GuestOptions } from './process.ts'

/** The user's functions, ready to run. */
export interface Guests {
  functions: readonly RegisteredFunction[]
  /** What is left out, and why. */
  failures: readonly LoadFailure[]
  /** Whether their files have changed since. */
  isStale(): boolean
  /** Ends their process once nothing goes on in it any more. */
  retire(): void
  /** Ends their process. */
  close(): void
}

export const noGuests: Guests = {
  functions: [],
  failures: [],
  isStale: () => false,
  retire: () => {},
  close: () => {},
}

export interface LoadOptions extends GuestOptions {
  /** The file that keeps what functions handled when they could last be loaded. */
  known?: string | undefined
  /** The file that keeps what the functions are, and what tells this hdsync from others; see {@link Loaded}. */
  described?: { file: string; madeBy: string } | undefined
}

/**
 * Finds out what the functions of a user's folder are. They are loaded for it, in a process of their own, unless nothing has
 * changed since they were last loaded well: then the process starts with the first call. What cannot be loaded, or does not
 * fit, is left out. Where it may stand at a gate, something stands there in its place that fails: what is done then, the
 * config says.
 * @param ours The functions that they have to fit.
 * @throws {UsageError} The folder cannot be read.
 */
export async function loadGuests(
  folder: string,
  ours: readonly RegisteredFunction[],
  catalogue: ReadonlyMap<string, EventDefinition>,
  { known, described, ...options }: LoadOptions,
): Promise<Guests> {
  const files = functionFiles(folder)
  if (files.length === 0) return { ...noGuests, isStale: staleness(folder, [], footprintOf(folder, [])) }
  let isUnlike = false
  const onUnlike = () => {
    isUnlike = true
    if (described) forgetDescribed(described.file)
  }
  const house = new GuestHouse({ ...options, onUnlike })
  const before = footprintOf(folder, [])
  const loaded = await describeAll(folder, files, house, described)
  // What has changed meanwhile may have been loaded or not.
  const isSettled = footprintOf(folder, []).stamp === before.stamp
  const isChanged = staleness(folder, loaded.files, isSettled ? footprintOf(folder, loaded.files) : undefined)
  const earlier = known === undefined ? {} : readKnown(known)
  if (known !== undefined) keepKnown(known, loaded.functions)
  const events = new Map(catalogue)
  for (const event of loaded.events) events.set(event.type, guestEvent(event))
  const made = loaded.functions.map((one) => guestFunction(one, (type) => events.get(type), house))
  const fitting = fit(made, ours, catalogue)
  const failures = [...loaded.failures, ...fitting.failures]
  const names = new Set([...ours, ...fitting.functions].map(({ name }) => name))
  const gates = [...catalogue.values()].filter((event) => opensGate(event) || event.gate === 'verdict')
  const absent = failures.flatMap((failure) => {
    const on = failure.on ?? earlier[failure.name]
    const missed = gates.filter(({ type }) => on?.includes(type) ?? true)
    return missed.length > 0 && !names.has(failure.name) ? absentFunction(failure, missed) : []
  })
  return {
    functions: [...fitting.functions, ...absent],
    failures,
    isStale: () => isUnlike || isChanged(),
    retire: () => house.retire(),
    close: () => house.close(),
  }
}

/** Tells whether files have changed since; the content counts, and is looked at only where something else has. */
function staleness(folder: string, files: readonly string[], then: Footprint | undefined): () => boolean {
  const digest = then?.digest()
  let stamp = then?.stamp
  return () => {
    const now = footprintOf(folder, files)
    if (now.stamp === stamp) return false
    if (now.digest() !== digest) return true
    stamp = now.stamp
    return false
  }
}

/** What the functions are: as it was kept, or by loading them. */
async function describeAll(
  folder: string,
  files: readonly string[],
  house: GuestHouse,
  kept: LoadOptions['described'],
): Promise<Loaded> {
  const isSame = (digest: string, loaded: readonly string[]) =>
    footprintOf(folder, loaded).digest() === digest
  const known = kept && readDescribed(kept.file, kept.madeBy, isSame)
  if (known) {
    house.expect(files)
    return known
  }
  const before = footprintOf(folder, []).stamp
  const loaded = await house.load(files)
  // Of what fails, it is not known what would make it load.
  const isKept = loaded.failures.length === 0 && footprintOf(folder, []).stamp === before
  if (kept && isKept) {
    const digest = footprintOf(folder, loaded.files).digest()
    keepDescribed(kept.file, { madeBy: kept.madeBy, digest, loaded })
  }
  return loaded
}

/** Fails in the place of a function that is left out. */
function absentFunction(failure: LoadFailure, on: readonly EventDefinition[]): RegisteredFunction {
  const definition = defineFunction({
    on,
    emits: [],
    retry: { limit: 1 },
    run() {
      throw new TerminalError(failureText(failure))
    },
  })
  return { ...register(failure.name, definition, failure.file), guest: {}, isAbsent: true }
}

/** Leaves out what does not fit; what only fitted together with that goes too. */
function fit(
  guests: readonly RegisteredFunction[],
  ours: readonly RegisteredFunction[],
  catalogue: ReadonlyMap<string, EventDefinition>,
): Pick<Guests, 'functions' | 'failures'> {
  const failures: LoadFailure[] = []
  for (let functions = guests; ; ) {
    try {
      createRegistry([...ours, ...functions], catalogue)
      return { functions, failures }
    } catch (error) {
      const unfit = error instanceof UnfitError && functions.find(({ file }) => file === error.file)
      if (!unfit) throw error
      const { name, file, definition } = unfit
      const on = definition.on.map(({ type }) => type)
      failures.push({ name, file, on, message: `${error.message}; ${error.hint}` })
      functions = functions.filter((one) => one !== unfit)
    }
  }
}
