import { readFileSync, statSync } from 'node:fs'
import { basename, join } from 'node:path'
import { catalogue, type EventDefinition } from '../../events/index.ts'
import { appRoot } from '../app-root.ts'
import type { Config } from '../config/config.ts'
import { type Guests, loadGuests, noGuests } from '../core/guests/guests.ts'
import type { GuestOptions } from '../core/guests/process.ts'
import { noneDisabled, watchDisabled } from '../core/registry/disabled.ts'
import { loadOwnFunctions } from '../core/registry/load.ts'
import {
  createRegistry,
  type RegisteredFunction,
  type Registry,
  register,
} from '../core/registry/registry.ts'
import { builtIn } from './built-in.ts'
import { ownFile } from './guests/provided-modules.ts'

/** The folder of hdsync's own functions. */
export const ownFunctions = join(appRoot, 'functions')

/** The file in a state directory that names the user's functions that are disabled. */
export function disabledFile(state: string): string {
  return join(state, 'disabled-functions.json')
}

/** The user's functions that are disabled by what a state directory says. */
export function disabledIn(state: string): readonly string[] {
  return watchDisabled(disabledFile(state)).names()
}

/** A registry whose functions of the user's have a process. */
export interface LoadedRegistry extends Registry, Pick<Guests, 'close' | 'retire' | 'isStale'> {}

/** hdsync's own functions and those of the user's folder, if they are not left out. @throws {UsageError} As {@link loadRegistry}. */
export function loadFunctions(
  { functions, state, guests }: Pick<Config, 'functions' | 'state'> & Partial<Pick<Config, 'guests'>>,
  options: Partial<Pick<GuestOptions, 'warn' | 'isDry'>> = {},
): Promise<LoadedRegistry> {
  const folders = { ours: ownFunctions, users: functions, state }
  return loadRegistry(folders, catalogue, { ...(guests && { memoryBytes: guests.memory }), ...options })
}

/**
 * Loads every function of two folders, and checks that they fit together. A function of the user's that cannot be loaded, or
 * does not fit, is left out, and stands in `failures`.
 * @param folders.state Where it is kept what the functions are: while nothing of them changes they are not loaded for it.
 * @throws {UsageError} One of hdsync's own cannot be loaded, or the user's folder not be read.
 */
export async function loadRegistry(
  folders: { ours: string; users: string; state?: string },
  events: ReadonlyMap<string, EventDefinition>,
  guests: Partial<Pick<GuestOptions, 'memoryBytes' | 'warn' | 'isDry'>> = {},
): Promise<LoadedRegistry> {
  const found =
    folders.ours === ownFunctions && builtIn ? fromBuild(builtIn) : await loadOwnFunctions(folders.ours)
  const ours = found.sort((one, other) => (one.name < other.name ? -1 : 1))
  const options = {
    entry: ownFile('backup/guests/main'),
    memoryBytes: 256 * 1024 * 1024,
    known: folders.state && join(folders.state, 'functions.json'),
    described: folders.state
      ? { file: join(folders.state, 'functions-loaded'), madeBy: thisHdsync() }
      : undefined,
    warn: () => {},
    ...guests,
  }
  const { functions, failures, close, retire, isStale } = folders.users
    ? await loadGuests(folders.users, ours, events, options)
    : noGuests
  const disabled = folders.state ? watchDisabled(disabledFile(folders.state)) : noneDisabled
  return { ...createRegistry([...ours, ...functions], events, failures, disabled), close, retire, isStale }
}

/** Another version, and another Node, may find something else in the same files. */
function thisHdsync(): string {
  const manifest = JSON.parse(readFileSync(join(appRoot, 'package.json'), 'utf8'))
  const { size, mtimeMs } = statSync(ownFile('hdsync'))
  return [manifest.version, process.version, appRoot, size, mtimeMs].join(' ')
}

/** The file of each is there as well, for whoever imports it. */
function fromBuild(definitions: NonNullable<typeof builtIn>): RegisteredFunction[] {
  return [...definitions].map(([path, definition]) =>
    register(basename(path), definition, join(ownFunctions, `${path}.js`)),
  )
}
