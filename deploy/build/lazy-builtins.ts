import { isBuiltin } from 'node:module'
import type { Plugin } from 'esbuild'

const namespace = 'builtin'

/**
 * Has Node load its own modules when something of them is used for the first time. An `import` would load them all at
 * the start, and read everything that they export: of `node:http` that is a WebSocket with all that belongs to it, of
 * `node:process` the standard input. It serves packages in CommonJS as well: an ES module has no `require`.
 */
export const lazyBuiltins: Plugin = {
  name: 'lazy builtins',
  setup({ onLoad, onResolve }) {
    onResolve({ filter: /.*/ }, ({ kind, path }) =>
      isBuiltin(path) && kind !== 'dynamic-import' ? { path, namespace } : undefined,
    )
    onLoad({ filter: /.*/, namespace }, ({ path }) => ({ contents: moduleOf(path) }))
  },
}

function moduleOf(path: string): string {
  const get = `process.getBuiltinModule(${JSON.stringify(path)})`
  const builtin = process.getBuiltinModule(path) ?? {}
  // Of one that is a function, such as node:events, nothing can be put off.
  if (typeof builtin === 'function' || builtin === process) return `module.exports = ${get}`
  return `let all
for (const name of ${JSON.stringify(Object.keys(builtin))})
  Object.defineProperty(exports, name, { enumerable: true, get: () => (all ??= ${get})[name] })`
}
