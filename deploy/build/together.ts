import { isBuiltin } from 'node:module'
import { resolve as absolute, join } from 'node:path'
import { type BuildOptions, build, type Plugin } from 'esbuild'

/** What is to lie in one file each. Paths are from the root. */
export interface Together {
  /** Imports what nearly everything needs: it comes first, whatever is loaded. */
  always: string
  /** Begins with what a process needs all of that needs a part of it; what `apart` imports, others need without it. */
  group: string
  apart: string
}

/**
 * Puts modules into one file of the build which would be scattered over as many as there are sets of commands that load
 * the same: to find, read and link a file takes longer than to run what is in most. Whoever imports one of a group from
 * outside, and whatever is loaded by itself, gets it through a door: a module that imports the others as well.
 * (`inject` of esbuild's does so too, and makes a function of each module, to be compiled at every start.)
 * @param options With which they are built, plugins that change imports included.
 */
export async function together(
  { always, group, apart }: Together,
  root: string,
  options: BuildOptions,
): Promise<Plugin> {
  const filesOf = (entry: string) => reached(entry, root, options)
  const members = (await filesOf(group)).difference(await filesOf(always)).difference(await filesOf(apart))
  return {
    name: 'together',
    setup({ onLoad, onResolve, resolve }) {
      onResolve({ filter: /.*/ }, async ({ importer, kind, path, pluginData, resolveDir, namespace }) => {
        const isLoaded = kind === 'entry-point' || kind === 'dynamic-import'
        const isOutside = isLoaded || (namespace === 'file' && !members.has(importer) && path.startsWith('.'))
        if (pluginData !== undefined || namespace === door || !isOutside || isBuiltin(path)) return undefined
        const found = await resolve(path, { kind, resolveDir, importer, pluginData: asked })
        const { path: file, suffix, namespace: kept } = found
        const needsDoor = kept === 'file' && (isLoaded || (members.has(file) && !suffix))
        return needsDoor ? { path: file, suffix, namespace: door } : undefined
      })
      onResolve({ filter: /\?/, namespace: door }, ({ path }) => {
        const [file = '', variant] = path.split('?')
        return { path: file, suffix: `?${variant}` }
      })
      onLoad({ filter: /.*/, namespace: door }, ({ path, suffix }) => {
        const before = [always, ...(members.has(path) ? [group] : [])].map((file) => join(root, file))
        const imports = before.map((file) => `import ${JSON.stringify(file)}\n`).join('')
        const name = JSON.stringify(path + suffix)
        // A function is what its file exports by default; `export *` leaves that out.
        const own = path.includes('/functions/') ? `export { default } from ${name}\n` : ''
        return { contents: `${imports}export * from ${name}\n${own}`, resolveDir: root }
      })
    },
  }
}

const door = 'door'
const asked = 'asked'

/** @returns All files that an entry imports, directly or not, and itself. */
async function reached(entry: string, root: string, options: BuildOptions): Promise<Set<string>> {
  const { metafile } = await build({
    ...options,
    entryPoints: [entry],
    outdir: 'nowhere',
    splitting: true,
    write: false,
    metafile: true,
  })
  const found = new Set<string>()
  const visit = (file: string) => {
    if (found.has(file)) return
    found.add(file)
    for (const { path, kind } of metafile.inputs[file]?.imports ?? [])
      if (kind !== 'dynamic-import') visit(path)
  }
  visit(entry)
  return new Set([...found].map((file) => absolute(root, file)))
}
