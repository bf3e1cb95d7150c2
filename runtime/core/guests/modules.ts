import { registerHooks } from 'node:module'
import { fileURLToPath } from 'node:url'

export interface ModuleOptions {
  /** Modules that functions import by name, and the files that they are, as URLs: the ones that hdsync itself runs. */
  provided: ReadonlyMap<string, string>
  /** hdsync's own folder: what lies there is trusted already. */
  root: string
  /** Called with each file before it is loaded. @throws It must not be loaded. */
  check(path: string): void
}

/**
 * Watches what functions load: by `import` and `require`, from any file.
 * @returns The files that were to be loaded since, hdsync's own left out; it grows.
 */
export function watchModules({ provided, root, check }: ModuleOptions): ReadonlySet<string> {
  const loaded = new Set<string>()
  registerHooks({
    resolve(specifier, context, next) {
      const url = provided.get(specifier)
      return url === undefined ? next(specifier, context) : { url, shortCircuit: true }
    },
    load(url, context, next) {
      // Node has resolved symbolic links; a query makes one file several modules.
      const path = url.startsWith('file:') ? fileURLToPath(url.replace(/[?#].*$/, '')) : undefined
      if (path !== undefined && !path.startsWith(root)) {
        loaded.add(path)
        check(path)
      }
      return next(url, context)
    },
  })
  return loaded
}
