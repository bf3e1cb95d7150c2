import { dirname, join } from 'node:path'
import type { Plugin } from 'esbuild'

/**
 * Leaves out of two packages what nothing here can use, and each start would load:
 * - zod's messages in 60 languages, more than half of it, which come along as functions of the user's are given all of
 *   `z`: hdsync speaks English.
 * - the CommonJS form of yaml, which cannot be taken apart: its form for browsers is the same code in ES modules.
 */
export const leanPackages: Plugin = {
  name: 'lean packages',
  setup({ onLoad, onResolve, resolve }) {
    onLoad({ filter: /\/zod\/v4\/locales\/index\.js$/ }, () => ({
      contents: `export { default as en } from './en.js'`,
    }))
    onResolve({ filter: /^yaml$/ }, async ({ kind, resolveDir, pluginData }) => {
      if (pluginData === leanPackages) return undefined
      const { path } = await resolve('yaml', { kind, resolveDir, pluginData: leanPackages })
      return { path: join(dirname(dirname(path)), 'browser/index.js') }
    })
  },
}
