/** Whether a directory is another one, or is somewhere below it. Paths are absolute and normal. */
export function isWithin(path: string, directory: string): boolean {
  return path === directory || path.startsWith(directory === '/' ? '/' : `${directory}/`)
}

/**
 * Whether patterns say in so many words that a directory is left out.
 * @param path As they have it: with the source's own directory as the root.
 */
export function leavesOut(exclude: readonly string[], path: string): boolean {
  return exclude.some((pattern) => {
    const folder = pattern.replace(/\/\**$/, '')
    return folder.startsWith('/') && !/[*?[\\]/.test(folder) && isWithin(path, folder)
  })
}
