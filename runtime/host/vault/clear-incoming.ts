import { readdirSync } from 'node:fs'
import type { HostFolder } from './host-folder.ts'
import { removeTree } from './remove-tree.ts'

/**
 * Removes what lies in `incoming` and has no business there: whatever is no file of one of these names, or larger than was offered
 * under it. rsync writes no such file; it would count to the quota.
 * @param keep How many bytes were offered, by name.
 */
export async function clearIncoming(
  { incoming, ids }: HostFolder,
  keep: ReadonlyMap<string, number>,
): Promise<void> {
  // What is no text has a name in latin1 too, and none that is kept.
  const names = readdirSync(incoming.at, { encoding: 'buffer' })
  const strange = names.filter((name) => !isKept(name.toString('latin1')))
  for (const name of strange) await removeTree(incoming, name, ids.uid)
  if (strange.length > 0) incoming.sync()

  function isKept(name: string): boolean {
    const mostBytes = keep.get(name)
    const found = mostBytes === undefined ? undefined : incoming.look(name)
    return mostBytes !== undefined && found?.isFile() === true && found.size <= mostBytes
  }
}

/** Removes what was moved to `proving`. A host that has won a race has had a folder moved there. */
export async function removeProving({ proving, ids }: HostFolder, name: string): Promise<void> {
  await removeTree(proving, Buffer.from(name), ids.uid)
  proving.sync()
}
