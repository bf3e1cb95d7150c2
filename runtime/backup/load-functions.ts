import { basename, join } from 'node:path'
import { catalogue, type EventDefinition } from '../../events/index.ts'
import { appRoot } from '../app-root.ts'
import type { Config } from '../config/config.ts'
import { assertTrustedFile } from '../config/trust.ts'
import { loadOwnFunctions, loadUserFunctions } from '../core/registry/load.ts'
import { provideModule } from '../core/registry/provide-module.ts'
import {
  createRegistry,
  type RegisteredFunction,
  type Registry,
  register,
} from '../core/registry/registry.ts'
import { builtIn } from './built-in.ts'

/** The folder of hdsync's own functions. */
export const ownFunctions = join(appRoot, 'functions')

/** hdsync's own functions and those of the user's folder. @throws {UsageError} As {@link loadRegistry}. */
export function loadFunctions(config: Pick<Config, 'functions'>): Promise<Registry> {
  return loadRegistry({ ours: ownFunctions, users: config.functions }, catalogue)
}

/**
 * Loads every function of two folders, and checks that they fit together.
 * @throws {UsageError} A file cannot be loaded, is not trusted, or its function does not fit the others.
 */
export async function loadRegistry(
  folders: { ours: string; users: string },
  events: ReadonlyMap<string, EventDefinition>,
): Promise<Registry> {
  const found =
    folders.ours === ownFunctions && builtIn ? fromBuild(builtIn) : await loadOwnFunctions(folders.ours)
  const ours = found.sort((one, other) => (one.name < other.name ? -1 : 1))
  // Whoever can write a function of the user's is root on the box.
  const users = await loadUserFunctions(folders.users, { check: assertTrustedFile, prepare: provideHdsync })
  return createRegistry([...ours, ...users], events)
}

/** Makes `import … from 'hdsync'` work in the functions that are loaded from now on. Safe to repeat. */
export async function provideHdsync(): Promise<void> {
  provideModule('hdsync', await import('../hdsync.ts'))
}

/** The file of each is there as well, for whoever imports it. */
function fromBuild(definitions: NonNullable<typeof builtIn>): RegisteredFunction[] {
  return [...definitions].map(([path, definition]) =>
    register(basename(path), definition, join(ownFunctions, `${path}.js`)),
  )
}
