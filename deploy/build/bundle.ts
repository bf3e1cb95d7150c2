/**
 * `npm run build`: hdsync as plain JavaScript in dist/app, as Node strips no types under node_modules, and as one
 * small set of files starts in a third of the time. The folders are those of the sources, so that whoever looks for
 * `../../functions` finds them from either; what several entries share is in chunks, so that an event is the same
 * object for each. Beside it lie the types of what functions of the user's own import.
 */
import { copyFileSync, cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type BuildOptions, build, type Plugin } from 'esbuild'
import { builtIn, functionFiles } from './built-in.ts'
import { removeEmptyChunks } from './empty-chunks.ts'
import { lazyBuiltins } from './lazy-builtins.ts'
import { bundledPackages, type Licensed, licenceText } from './licences.ts'
import { type Together, together } from './together.ts'
import { declareTypes, writeManifest } from './types.ts'
import { wholeZod } from './whole-zod.ts'

export const root = join(import.meta.dirname, '../..')

/** The JSON Schema of the config, in a checkout and in a build. */
export const schemaFile = 'deploy/reference/hdsync.schema.json'

/** As package.json has it. */
export const manifest: { version: string; description: string; license: string; engines: { node: string } } =
  JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))

/**
 * Writes the build into an empty folder. Safe to repeat; the same sources give the same bytes.
 * @returns The packages that went into it.
 */
export async function bundle(folder: string): Promise<Licensed[]> {
  rmSync(folder, { recursive: true, force: true })
  const options: BuildOptions = {
    absWorkingDir: root,
    outbase: root,
    outdir: folder,
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node24',
    // ES modules where a package has both: what is not used is left out.
    mainFields: ['module', 'main'],
    legalComments: 'none',
    logLevel: 'warning',
  }
  // By itself: to tell the version it loads nothing else.
  await build({ ...options, entryPoints: ['runtime/cli/main.ts'], plugins: [lazyBuiltins, besideIt] })
  // A thread of its own needs little, and there are several of it.
  await build({ ...options, entryPoints: ['runtime/host/archive/pieces/archive-packer-thread.ts'] })
  const plugins = [builtIn(root), lazyBuiltins, wholeZod]
  const { metafile } = await build({
    ...options,
    entryPoints: [
      'runtime/cli/program.ts',
      'runtime/hdsync.ts',
      'runtime/testing.ts',
      ...functionFiles(root),
    ].map((file) => ({ in: `./${file}`, out: file.replace(/\.ts$/, '') })),
    chunkNames: 'runtime/chunks/[name]-[hash]',
    splitting: true,
    plugins: [await together(files, root, { ...options, plugins }), ...plugins],
    metafile: true,
  })
  removeEmptyChunks(folder)
  const typed = declareTypes(folder, root)
  const inputs = Object.keys(metafile.inputs).filter((file) => !file.startsWith('door:'))
  const packages = bundledPackages([...inputs, ...typed], root)
  mkdirSync(join(folder, 'bin'))
  copyFileSync(join(root, 'deploy/bin/hdsync'), join(folder, 'bin/hdsync'))
  cpSync(join(root, schemaFile), join(folder, schemaFile))
  writeFileSync(join(folder, 'LICENCES.txt'), licenceText(packages))
  // Says which version it is, and that its files are modules.
  writeManifest(folder, { name: 'hdsync', version: manifest.version, type: 'module' })
  writeManifest(join(folder, 'runtime'), packageOfFunctions())
  return packages
}

/** What a daemon loads, and every command that does something. Events and their schemas, many others need alone. */
const files: Together = {
  always: 'deploy/build/every-start.ts',
  group: 'runtime/cli/commands/serve.ts',
  apart: 'events/index.ts',
}

/** Leaves what a file loads in the end, from its own folder, to be found there in the build. */
const besideIt: Plugin = {
  name: 'beside it',
  setup({ onResolve }) {
    onResolve({ filter: /^\.\/.*\.ts$/ }, ({ kind, path }) =>
      kind === 'dynamic-import' ? { path: path.replace(/\.ts$/, '.js'), external: true } : undefined,
    )
  },
}

/** What functions of the user's own import by name, as in the checkout. */
function packageOfFunctions() {
  const { exports, ...rest } = JSON.parse(readFileSync(join(root, 'runtime/package.json'), 'utf8'))
  const built = Object.entries<string>(exports).map(([name, file]) => {
    const path = file.replace(/\.ts$/, '')
    return [name, { types: `${path}.d.ts`, default: `${path}.js` }]
  })
  return { ...rest, exports: Object.fromEntries(built) }
}

if (import.meta.main) await bundle(join(root, 'dist/app'))
