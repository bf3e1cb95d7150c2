import { resolve as absolute, join } from 'node:path'
import { type BuildOptions, build, type Plugin } from 'esbuild'

/** Modules that are loaded together, as a process that needs one of them needs nearly all. */
export interface Group {
  /** Paths of what they begin with, from the root. */
  entries: readonly string[]
  /** Of these, what they need is left where it is, as others need it alone. */
  without: readonly string[]
}

/**
 * Puts modules into one file of the build, which would be scattered over as many as there are sets of commands that load
 * the same: to find, read and link a file takes longer than to run what is in most. Whoever imports one of them from
 * outside gets it by way of a module that imports them all.
 * @param options With which they are built, plugins that change imports included.
 */
export async function together(group: Group, options: BuildOptions): Promise<Plugin> {
  const root = options.absWorkingDir ?? '.'
  const members = await reached(group.entries, options)
  for (const file of await reached(group.without, options)) members.delete(file)
  return {
    name: 'together',
    setup({ onLoad, onResolve, resolve }) {
      onResolve(
        { filter: /^(\.|\/)/ },
        async ({ importer, kind, path, pluginData, resolveDir, namespace }) => {
          const isOutside = kind === 'entry-point' || (namespace === 'file' && !members.has(importer))
          if (pluginData === asked || !isOutside) return undefined
          const found = await resolve(path, { kind, resolveDir, importer, pluginData: asked })
          if (found.suffix || !members.has(found.path)) return undefined
          return { path: found.path, namespace: door }
        },
      )
      onResolve({ filter: /.*/, namespace: door }, ({ path }) =>
        path === door ? { path: door, namespace: hall } : { path },
      )
      onResolve({ filter: /.*/, namespace: hall }, ({ path }) => ({ path }))
      onLoad({ filter: /.*/, namespace: door }, ({ path }) => {
        const name = JSON.stringify(path)
        // A function is what its file exports by default; `export *` leaves that out.
        const own = path.includes('/functions/') ? `export { default } from ${name}\n` : ''
        return { contents: `import '${door}'\nexport * from ${name}\n${own}`, resolveDir: root }
      })
      onLoad({ filter: /.*/, namespace: hall }, () => ({
        contents: group.entries.map((file) => `import ${JSON.stringify(join(root, file))}\n`).join(''),
        resolveDir: root,
      }))
    },
  }
}

const door = 'door'
const hall = 'hall'
const asked = 'asked'

/** @returns All files that are imported by these, directly or not, and these themselves. */
async function reached(entries: readonly string[], options: BuildOptions): Promise<Set<string>> {
  const { metafile } = await build({
    ...options,
    entryPoints: [...entries],
    outdir: 'nowhere',
    splitting: true,
    write: false,
    metafile: true,
  })
  const isEntry = (file: string) => entries.includes(file)
  const root = options.absWorkingDir ?? '.'
  const found = new Set<string>()
  const visit = (file: string) => {
    const path = absolute(root, file)
    if (found.has(path)) return
    found.add(path)
    for (const { path: next, kind, external } of metafile.inputs[file]?.imports ?? [])
      if (kind !== 'dynamic-import' && !external) visit(next)
  }
  for (const file of Object.keys(metafile.inputs)) if (isEntry(file)) visit(file)
  return found
}
