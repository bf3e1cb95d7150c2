import { spawnSync } from 'node:child_process'
import {
  cpSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { packageFolder } from './licences.ts'

const project = join(import.meta.dirname, 'tsconfig.types.json')

/**
 * Writes what editors and tsc need to know of what functions of the user's own import: `runtime/hdsync.d.ts`,
 * `runtime/testing.d.ts`, what these name, and in `node_modules` the declarations of packages that they name, as what
 * is not found would silently be `any`. Safe to repeat; the same sources give the same bytes.
 * @returns The files of packages that went into it, from the root.
 * @throws {Error} What the compiler objects to: a type that cannot be named outside of its file.
 */
export function declareTypes(folder: string, root: string): string[] {
  const compiler = join(root, 'node_modules/typescript/bin/tsc')
  // Beside the packages of the checkout, so that these are found; and found again in the build.
  const draft = realpathSync(mkdtempSync(join(tmpdir(), 'hdsync-types-')))
  try {
    symlinkSync(join(root, 'node_modules'), join(draft, 'node_modules'))
    writeManifest(draft, { type: 'module' })
    // Types are checked by `npm run check`. One thread: several may name the members of a union in any order.
    tsc(compiler, '--project', project, '--outDir', draft, '--noCheck', '--singleThreaded')
    const entries = ['hdsync', 'testing'].map((name) => join(draft, `runtime/${name}.d.ts`))
    const listed = tsc(compiler, '--ignoreConfig', '--module', 'nodenext', '--listFilesOnly', ...entries)
    const files = listed.trim().split('\n')
    const ours = files.filter((file) => file.startsWith(join(draft, '/')))
    for (const file of ours) cpSync(file, join(folder, relative(draft, file)))
    const others = files
      .filter((file) => !ours.includes(file) && !file.includes('/node_modules/@typescript/'))
      .map((file) => relative(root, file))
    for (const file of others) takeFromPackage(file, root, folder)
    return others
  } finally {
    rmSync(draft, { recursive: true, force: true })
  }
}

/** @returns What it printed. */
function tsc(compiler: string, ...words: string[]): string {
  const { status, stdout, stderr, error } = spawnSync(process.execPath, [compiler, ...words], {
    encoding: 'utf8',
  })
  if (status !== 0) throw new Error(`tsc failed: ${stdout}${stderr}`, { cause: error })
  return stdout
}

/** Copies a declaration, and says once to which package it belongs. */
function takeFromPackage(file: string, root: string, folder: string): void {
  const from = packageFolder(file)
  const to = join(folder, from.slice(from.lastIndexOf('node_modules')))
  cpSync(join(root, file), join(to, relative(from, file)))
  if (existsSync(join(to, 'package.json'))) return
  const manifest = JSON.parse(readFileSync(join(root, from, 'package.json'), 'utf8'))
  const { name, version, license, type, types } = manifest
  writeManifest(to, { name, version, license, type, types })
}

/** Writes the package.json of a folder. */
export function writeManifest(folder: string, manifest: object): void {
  writeFileSync(join(folder, 'package.json'), `${JSON.stringify(manifest, undefined, 2)}\n`)
}
