import { readFileSync } from 'node:fs'
import type { ImportKind, Plugin } from 'esbuild'

/** What its files are told from the others by. */
const suffix = '?whole'

/**
 * Gives functions of the user's own, and who describes schemas, a zod of their own with all that is in it; it is loaded
 * when there are such. hdsync's own files are left with a third of it, which starts three times as fast. A schema of one is as
 * good as one of the other: zod goes by what a schema holds, never by its class.
 */
export const wholeZod: Plugin = {
  name: 'whole zod',
  setup({ onLoad, onResolve, resolve }) {
    onResolve({ filter: /^(zod($|\/)|\.)/ }, async ({ importer, kind, path, pluginData, resolveDir }) => {
      const whole = pluginData === suffix || (path.startsWith('zod') && asksForAll(importer, kind))
      if (!whole || pluginData === resolving) return undefined
      const found = await resolve(path, { kind, resolveDir, pluginData: resolving })
      return { path: found.path, suffix }
    })
    onLoad({ filter: /\/zod\/.*\.js$/ }, ({ path, suffix: found }) =>
      found === suffix ? { contents: readFileSync(path, 'utf8'), pluginData: suffix } : undefined,
    )
  },
}

const resolving = 'resolving'

function asksForAll(importer: string, kind: ImportKind): boolean {
  return importer.endsWith('/runtime/hdsync.ts') || kind === 'dynamic-import'
}
