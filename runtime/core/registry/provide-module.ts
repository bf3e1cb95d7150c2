import { registerHooks } from 'node:module'

/** Where modules find what is provided: shared by all copies of this file, should there be two. */
const shelf = Symbol.for('hdsync.modules')
const scheme = 'hdsync-module:'

type Shelf = { [shelf]?: Map<string, object> }

/**
 * Lets functions of the user's import a module that is loaded already, by name. They must not get a second copy of
 * it from the disk: events are compared by identity, and an installed hdsync is one bundled file that has none to
 * give. Safe to repeat.
 */
export function provideModule(name: string, namespace: object): void {
  const modules = (globalThis as Shelf)[shelf]
  if (modules) {
    modules.set(name, namespace)
    return
  }
  const provided = new Map([[name, namespace]])
  ;(globalThis as Shelf)[shelf] = provided
  registerHooks({
    resolve: (specifier, context, next) =>
      provided.has(specifier)
        ? { url: `${scheme}${specifier}`, format: 'module', shortCircuit: true }
        : next(specifier, context),
    load(url, context, next) {
      const found = url.startsWith(scheme) && url.slice(scheme.length)
      if (!found) return next(url, context)
      return { source: sourceOf(found, provided.get(found) ?? {}), format: 'module', shortCircuit: true }
    },
  })
}

/** The text of a module that hands on what another one exports. */
function sourceOf(name: string, namespace: object): string {
  const names = Object.keys(namespace).filter((key) => key !== 'default')
  const from = `globalThis[Symbol.for(${JSON.stringify(shelf.description)})].get(${JSON.stringify(name)})`
  return `export const { ${names.join(', ')} } = ${from}\n`
}
