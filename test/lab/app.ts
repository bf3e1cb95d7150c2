import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdtemp, readdir, readFile, rm, stat, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { bundle } from '../../deploy/build/bundle.ts'
import { searchPath } from './available.ts'
import { cacheFolder, fromCache, removeOlder } from './cache.ts'

const run = promisify(execFile)
const root = join(import.meta.dirname, '../..')
const sources = ['deploy', 'events', 'functions', 'runtime', 'package.json', 'package-lock.json']
const nodeBinary = 'node_modules/node/bin/node'
const imagesKept = 3
const compiledKeptDays = 3

/**
 * Makes an ext4 image of hdsync as it is in the checkout right now: sources, production dependencies, Node, and the
 * build that users run, in the folder `built`. Needs no root. An image of the same content is made once, in about two
 * seconds, and is then found again in a tenth of that, by other processes too. Returns its path.
 *
 * An image, because many small files are slow to read through a shared folder, and so that a machine runs what
 * the checkout was when it booted.
 */
export async function appImage(): Promise<string> {
  const staged = await mkdtemp(join(cacheFolder('images'), `staged.${process.pid}-`))
  try {
    await copy(sources, staged)
    const folder = await fromCache({
      kind: 'images',
      key: await contentHash(staged),
      kept: imagesKept,
      make: async (folder) => {
        await copy([...(await productionDependencies()), nodeBinary], staged)
        await bundle(join(staged, 'built'))
        await run('mkdir', [join(staged, 'node_modules/.bin')])
        await symlink('../node/bin/node', join(staged, 'node_modules/.bin/node'))
        await makeImage(staged, join(folder, 'app.ext4'))
      },
    })
    return join(folder, 'app.ext4')
  } finally {
    await rm(staged, { recursive: true, force: true })
  }
}

/** Stands for what builds and packages of the checkout are made of. */
export async function checkoutKey(): Promise<string> {
  const staged = await mkdtemp(join(cacheFolder('images'), `staged.${process.pid}-`))
  try {
    await copy(sources, staged)
    return await contentHash(staged)
  } finally {
    await rm(staged, { recursive: true, force: true })
  }
}

/** Where the machines share Node's compile cache: warm, the start of a .ts file takes half the time. */
export function compileCache(): string {
  const folder = cacheFolder('compiled')
  removeOlder(folder, compiledKeptDays)
  return folder
}

/** Copies paths of the checkout. Tried again, since somebody may be saving a file at this moment. */
async function copy(paths: string[], to: string, triesLeft = 5): Promise<void> {
  try {
    await run('cp', ['-a', '--parents', ...paths.filter((path) => existsSync(join(root, path))), to], {
      cwd: root,
    })
  } catch (error) {
    if (triesLeft === 0) throw error
    await copy(paths, to, triesLeft - 1)
  }
}

async function productionDependencies(): Promise<string[]> {
  const lock = JSON.parse(await readFile(join(root, 'package-lock.json'), 'utf8'))
  const entries = Object.entries<{ dev?: boolean }>(lock.packages)
  return entries.filter(([path, { dev }]) => path && !dev).map(([path]) => path)
}

/** Dependencies count by the lock file, Node by its size and time. */
async function contentHash(staged: string): Promise<string> {
  const hash = createHash('sha256')
  const entries = await readdir(staged, { recursive: true, withFileTypes: true })
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
  for (const file of files.sort()) {
    const content = await readFile(file)
    hash
      .update(`${file.slice(staged.length)}\0${(await stat(file)).mode}\0${content.length}\0`)
      .update(content)
  }
  const node = await stat(join(root, nodeBinary))
  return hash.update(`built, ${node.size} ${node.mtimeMs}`).digest('hex').slice(0, 16)
}

async function makeImage(staged: string, image: string): Promise<void> {
  const sizeKiB = Number.parseInt((await run('du', ['-sk', staged])).stdout, 10)
  const options = ['-q', '-t', 'ext4', '-O', '^has_journal', '-m', '0', '-E', 'root_owner=0:0', '-d', staged]
  await run('mke2fs', [...options, image, `${Math.ceil(sizeKiB * 1.1) + 16_384}k`], {
    env: { PATH: searchPath.join(':') },
  })
}
