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
  const folders = files.flatMap((file) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(file)?.[0] ?? [])
  return [...new Set(folders)]
    .sort()
    .map((folder) => licensed(join(root, folder)))
    .sort((one, other) => (one.name < other.name ? -1 : 1))
}

/** What the package in this folder says about itself. */
export function licensed(folder: string): Licensed {
  const { name, version, license } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
  const [file] = globSync('{LICEN[CS]E,licen[cs]e}{,.md,.txt}', { cwd: folder }).sort()
  if (typeof license !== 'string') throw new Error(`${folder} names no licence in its package.json`)
  if (!file) throw new Error(`${folder} has no licence file`)
  return { name, version, licence: license, text: readFileSync(join(folder, file), 'utf8').trim() }
}

/** Everything that has to go along with copies of them. */
export function licenceText(packages: readonly Licensed[]): string {
  const rule = '-'.repeat(80)
  const parts = packages.map(
    ({ name, version, licence, text }) => `${name} ${version} (${licence})\n\n${text}\n`,
  )
  return [`hdsync contains these packages.\n`, ...parts].join(`\n${rule}\n\n`)
}
