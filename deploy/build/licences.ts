import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** A package of somebody else's, and on which terms. */
export interface Licensed {
  name: string
  version: string
  /** As SPDX has it: `MIT`. */
  licence: string
  /** The text of its licence file. */
  text: string
}

/**
 * The packages that these files belong to, by name.
 * @param files Paths from the root, as a bundler lists them.
 * @throws {Error} One of them does not say on which terms it may be passed on.
 */
export function bundledPackages(files: readonly string[], root: string): Licensed[] {
  const folders = files.filter((file) => file.includes('node_modules/')).map(packageFolder)
  const own = readFileSync(join(root, 'LICENSE'), 'utf8')
  return [...new Set(folders)]
    .map((folder) => licensed(join(root, folder), own))
    .sort((one, other) => (one.name < other.name ? -1 : 1))
}

/** The folder of the package that a file below a `node_modules` belongs to. */
export function packageFolder(file: string): string {
  return /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(file)?.[0] ?? ''
}

/** What the package in this folder says about itself. */
function licensed(folder: string, own: string): Licensed {
  const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
  const { name, version, license: licence } = manifest
  const [file] = globSync('{LICEN[CS]E,licen[cs]e}{,.md,.txt}', { cwd: folder }).sort()
  if (file) return { name, version, licence, text: readFileSync(join(folder, file), 'utf8').trim() }
  if (licence !== 'MIT') throw new Error(`${folder} has no licence file, and is not under the MIT licence`)
  // The terms that it names; ours are the same, but for whose they are.
  const holder = manifest.author?.name ?? manifest.author ?? `the authors of ${name}`
  const text = own.replace(/^Copyright .*$/m, `Copyright (c) ${holder}`).trim()
  return { name, version, licence, text }
}

/** Everything that has to go along with copies of them. */
export function licenceText(packages: readonly Licensed[]): string {
  const rule = '-'.repeat(80)
  const parts = packages.map(
    ({ name, version, licence, text }) => `${name} ${version} (${licence})\n\n${text}\n`,
  )
  return [`hdsync contains these packages.\n`, ...parts].join(`\n${rule}\n\n`)
}
