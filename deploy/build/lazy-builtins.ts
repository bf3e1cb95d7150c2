import { isBuiltin } from 'node:module'
import type { Plugin } from 'esbuild'

/** What an `import` gets, and what a `require` does: see below. */
const imported = 'builtin'
const required = 'required-builtin'

/**
 * Has Node load its own modules when something of them is used for the first time. An `import` would load them all at
 * the start, and read everything that they export: of `node:http` that is a WebSocket with all that belongs to it, of
 * `node:process` the standard input. It serves packages in CommonJS as well: an ES module has no `require`.
 */
export const lazyBuiltins: Plugin = {
  name: 'lazy builtins',
  setup({ onLoad, onResolve }) {
    onResolve({ filter: /.*/ }, ({ kind, path }) => {
      if (!isBuiltin(path) || kind === 'dynamic-import') return undefined
      return { path, namespace: kind === 'require-call' ? required : imported }
    })
    onLoad({ filter: /.*/, namespace: imported }, ({ path }) => ({ contents: importedModule(path) }))
    onLoad({ filter: /.*/, namespace: required }, ({ path }) => ({ contents: requiredModule(path) }))
  },
}

/** It has no names of its own, as esbuild would copy them one by one; it finds what it is asked for. */
function importedModule(path: string): string {
  if (isWhole(path)) return `module.exports = ${getting(path)}`
  return `let all
const get = (_, name) => (name === '__esModule' ? undefined : (all ??= ${getting(path)})[name])
module.exports = Object.create(new Proxy({}, { get }))`
}

/** It has all names: who requires a module may ask which there are. */
function requiredModule(path: string): string {
  if (isWhole(path)) return `module.exports = ${getting(path)}`
  const names = Object.keys(process.getBuiltinModule(path) ?? {})
  return `let all
for (const name of ${JSON.stringify(names)})
  Object.defineProperty(exports, name, { enumerable: true, get: () => (all ??= ${getting(path)})[name] })`
}

/** Of one that is a function, such as node:events, nothing can be put off. */
function isWhole(path: string): boolean {
  const builtin = process.getBuiltinModule(path)
  return typeof builtin === 'function' || builtin === process
}

function getting(path: string): string {
  return `process.getBuiltinModule(${JSON.stringify(path)})`
}
