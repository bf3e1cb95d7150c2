import { statSync } from 'node:fs'
import { dirname } from 'node:path'
import type { Box } from './box.ts'
import { type Finding, warning } from './finding.ts'

/** Whoever can write the folder of a file can put another in its place. Only root obeys it as root. */
export function checkFolders({ config, root }: Pick<Box, 'config' | 'root'>): Finding[] {
  if (!root) return []
  const folders = new Set([...above(config.file), config.functions, ...above(config.functions)])
  return [...folders].flatMap((folder) => {
    const stats = statSync(folder, { throwIfNoEntry: false })
    // In a folder with the sticky bit nobody replaces what is another's.
    if (!stats || (stats.uid === 0 && (!(stats.mode & 0o022) || stats.mode & 0o1000))) return []
    const finding = `${folder} can be written by others: they could put a config or a function in place of yours`
    return [warning('config.replaceable', 'config', finding, `chown root ${folder} && chmod go-w ${folder}`)]
  })
}

function above(path: string): string[] {
  const folder = dirname(path)
  return folder === path ? [] : [folder, ...above(folder)]
}
