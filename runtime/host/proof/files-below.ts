import { lstatSync, readdirSync } from 'node:fs'
import { joinPath, namesOf, type OpenFolder } from '../points/open-folder.ts'

/**
 * Regular files below a folder, on its file system alone, in an order that stays the same: a folder stands where its own name
 * does. Links are not followed. What vanishes meanwhile, or cannot be opened, is passed over.
 * @param after Those behind this path alone.
 */
export function filesBelow(root: OpenFolder, after?: Buffer): Generator<Buffer> {
  const { dev } = lstatSync(`${root.self}/.`)
  return walk(root, Buffer.alloc(0), after ? namesOf(after) : [], dev)
}

function* walk(folder: OpenFolder, path: Buffer, after: readonly Buffer[], dev: number): Generator<Buffer> {
  const [begin, ...rest] = after
  for (const name of readdirSync(`${folder.self}/.`, { encoding: 'buffer' }).sort(Buffer.compare)) {
    const order = begin ? Buffer.compare(name, begin) : 1
    if (order < 0) continue
    const stats = lstatSync(folder.at(name), { throwIfNoEntry: false })
    if (stats?.dev !== dev) continue
    const here = joinPath(path, name)
    if (stats.isDirectory()) yield* below(folder, name, here, order === 0 ? rest : [], dev)
    else if (stats.isFile() && order > 0) yield here
  }
}

function* below(
  folder: OpenFolder,
  name: Buffer,
  path: Buffer,
  after: readonly Buffer[],
  dev: number,
): Generator<Buffer> {
  let opened: OpenFolder
  try {
    opened = folder.folder(name)
  } catch {
    return
  }
  using inner = opened
  yield* walk(inner, path, after, dev)
}
