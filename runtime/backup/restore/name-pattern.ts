/**
 * A pattern of names, as a shell has them: `*`, `?`, `[abc]`, `[!a-z]`, and `\` before what stands for itself. Without a `/`
 * it is one of names alone; with one it is of whole paths below the source, in which `**` goes over several folders.
 * @param pattern Text of UTF-8; bytes that are none are as Latin-1 has them.
 */
export function namePattern(pattern: string): (path: string) => boolean {
  const ofPath = pattern.includes('/')
  const expression = new RegExp(`^${source(pattern.replace(/^\/+|\/+$/g, ''))}$`, 'su')
  return (path) => expression.test(ofPath ? path : path.slice(path.lastIndexOf('/') + 1))
}

const part = /\*\*|\*|\?|\[(!|\^)?(\]?[^\]]*)\]|\\(.)|(.)/gsu

function source(pattern: string): string {
  return pattern.replace(part, (found, not?: string, set?: string, escaped?: string, plain?: string) => {
    if (found === '**') return '.*'
    if (found === '*') return '[^/]*'
    if (found === '?') return '[^/]'
    if (set !== undefined) return `(?!/)[${not ? '^' : ''}${set.replace(/[\\\][&~^]/g, '\\$&')}]`
    return (escaped ?? plain ?? '').replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&')
  })
}
