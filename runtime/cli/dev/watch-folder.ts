import { watch } from 'node:fs'

/** What an editor writes in several steps is one change. */
const quietMs = 150

/**
 * Tells of files that have changed in a folder and in the folders in it, by their paths from there, once it is quiet.
 * @returns Ends it.
 */
export function watchFolder(folder: string, changed: (files: readonly string[]) => void): () => void {
  const files = new Set<string>()
  let timer: NodeJS.Timeout | undefined
  const tell = () => {
    changed([...files])
    files.clear()
  }
  const watcher = watch(folder, { recursive: true }, (_, file) => {
    if (file === null || /(^|\/)(node_modules|\.[^/]*)(\/|$)/.test(file) || !/\.[cm]?[jt]s$/.test(file))
      return
    files.add(file)
    clearTimeout(timer)
    timer = setTimeout(tell, quietMs)
  })
  return () => {
    clearTimeout(timer)
    watcher.close()
  }
}

/**
 * Which functions' tests have to be run when files have changed: those of the functions themselves; all, where a file
 * lies deeper, which any of them may import.
 */
export function testsFor(changed: readonly string[], tested: readonly string[]): readonly string[] {
  if (changed.some((file) => file.includes('/'))) return tested
  const names = new Set(changed.map((file) => file.replace(/(\.test)?\.[cm]?[jt]s$/, '')))
  return tested.filter((name) => names.has(name))
}
