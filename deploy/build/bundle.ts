/**
 * `npm run build`: hdsync as plain JavaScript in dist/app, as Node strips no types under node_modules. The folders are
 * those of the sources, so that `../../functions` is found from either; what several entries share is in chunks, so that
 * an event is the same object for each. Beside it lie the types of what functions of the user's own import.
 */
import { copyFileSync, cpSync, globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { type OutputOptions, rolldown } from 'rolldown'
import { builtIn, functionFiles } from './built-in.ts'
import { leanPackages } from './lean-packages.ts'
import { bundledPackages, type Licensed, licenceText } from './licences.ts'
import { declareTypes, writeManifest } from './types.ts'

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
  const inputs = await write(folder, [...entries, ...functionFiles(root)], { groups: together })
  for (const file of alone) inputs.push(...(await write(folder, [file], true)))
  const typed = declareTypes(folder, root)
  const packages = bundledPackages([...inputs.map((file) => relative(root, file)), ...typed], root)
  mkdirSync(join(folder, 'bin'))
  copyFileSync(join(root, 'deploy/bin/hdsync'), join(folder, 'bin/hdsync'))
  const read = ['runtime/core/bus/sqlite/migrations/*.sql', 'runtime/http/page/assets/*']
  for (const file of [schemaFile, ...globSync(read, { cwd: root })]) {
    cpSync(join(root, file), join(folder, file))
  }
  writeFileSync(join(folder, 'LICENCES.txt'), licenceText(packages))
  // Says which version it is, and that its files are modules.
  writeManifest(folder, { name: 'hdsync', version: manifest.version, type: 'module' })
  writeManifest(join(folder, 'runtime'), packageOfFunctions())
  return packages
}

/** @returns The files that went into it. */
async function write(
  folder: string,
  files: readonly string[],
  codeSplitting: NonNullable<OutputOptions['codeSplitting']>,
): Promise<string[]> {
  const bundler = await rolldown({
    cwd: root,
    input: Object.fromEntries(files.map((file) => [nameOf(file), file])),
    platform: 'node',
    plugins: [builtIn(root), leanPackages],
  })
  const { output } = await bundler.write({
    dir: folder,
    format: 'esm',
    entryFileNames: '[name].js',
    chunkFileNames: 'runtime/chunks/[name]-[hash].js',
    codeSplitting,
    comments: false,
    // One letter that is not ASCII has V8 keep the whole file in two bytes a letter, as long as the daemon lives.
    charset: 'ascii',
  })
  await bundler.close()
  return output.flatMap((file) => (file.type === 'chunk' ? file.moduleIds : []))
}

/** What is started or imported by its path. */
const entries = [
  'runtime/cli/main.ts',
  'runtime/hdsync.ts',
  'runtime/testing.ts',
  'runtime/backup/guests/main.ts',
]

/**
 * Threads and processes that need next to nothing of the rest: each has all of it in its own file. With what they share
 * with the engine they would load the engine, which takes five times as long as to start a thread.
 */
const alone = ['runtime/host/archive/pieces/archive-packer-thread.ts', 'runtime/host/proof/digest-process.ts']

/**
 * What is loaded together is in one file, with all that it imports: each file takes a start about a millisecond. What several of them import
 * is with the first; zod is by itself, as functions of the user's may use all of it: V8 looks for each name that a file does not keep to itself
 * through all that it exports. Commands are before the daemon: its server loads Node's whole client for the web, a quarter of a start.
 */
const together = [
  { name: 'zod', test: /\/node_modules\/zod\//, priority: 4 },
  { name: 'start', test: /\/runtime\/version\.ts$/, priority: 3 },
  { name: 'reading', test: /\/runtime\/cli\/commands\/runs\.ts$/, priority: 2 },
  { name: 'receiving', test: /\/runtime\/cli\/commands\/receive\.ts$/, priority: 1.5 },
  {
    name: 'engine',
    test: /\/runtime\/(cli\/in-process|config\/load|cli\/commands\/(backups|check|emit|find|release|restore|run|show|status|verify))\.ts$/,
    priority: 1,
  },
  { name: 'daemon', test: /\/runtime\/cli\/commands\/serve\.ts$/, priority: 0 },
]

/** Of an entry: its path without an extension. */
const nameOf = (file: string) => file.replace(/\.ts$/, '')

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
