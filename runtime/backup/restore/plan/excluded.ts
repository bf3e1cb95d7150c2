/** Tells what patterns leave out; paths are seen from the folder of the source, each byte a character. */
export type Excluded = (path: string, isFolder: boolean) => boolean

/**
 * What rsync's `--exclude` leaves out: what a pattern matches, and everything below such a folder.
 * @see rsync(1), PATTERN MATCHING RULES
 */
export function excludedBy(patterns: readonly string[]): Excluded {
  const rules = patterns.map(ruleOf)
  if (rules.length === 0) return () => false
  const folders = new Map<string, boolean>()
  const isOut = (path: string, isFolder: boolean): boolean => {
    const slash = path.lastIndexOf('/')
    if (slash > 0 && isFolderOut(path.slice(0, slash))) return true
    return path !== '' && rules.some((rule) => rule(path, isFolder))
  }
  const isFolderOut = (path: string): boolean => {
    const known = folders.get(path) ?? isOut(path, true)
    folders.set(path, known)
    return known
  }
  return (path, isFolder) => (isFolder ? isFolderOut(path) : isOut(path, false))
}

function ruleOf(text: string): Excluded {
  const pattern = Buffer.from(text).toString('latin1')
  const onlyFolders = pattern.endsWith('/')
  const bare = onlyFolders ? pattern.slice(0, -1) : pattern
  const isAnchored = bare.startsWith('/')
  // `folder/***` is the folder and all that is in it.
  const withContents = bare.endsWith('/***')
  const core = (isAnchored ? bare.slice(1) : bare).replace(/\/\*\*\*$/, '')
  // What begins so is also right at the top.
  const start = core.startsWith('**/') ? '(?:.*/)?' : ''
  const source = `${start}${expressionOf(start ? core.slice(3) : core)}${withContents ? '(?:/.*)?' : ''}`
  const ofPath = isAnchored || bare.includes('/') || bare.includes('**')
  const expression = new RegExp(isAnchored ? `^${source}$` : `^(?:.*/)?${source}$`, 's')
  return (path, isFolder) => {
    if (onlyFolders && !isFolder) return false
    return expression.test(ofPath ? path : path.slice(path.lastIndexOf('/') + 1))
  }
}

const part = /\*\*|\*|\?|\[([!^]?)(\]?(?:\[:[a-z]+:\]|[^\]])*)\]|\\(.)|(.)/gs

function expressionOf(pattern: string): string {
  // A backslash stands for itself where there is no wildcard.
  const isLiteral = !/[*?[]/.test(pattern)
  if (isLiteral) return escaped(pattern)
  return pattern.replace(part, (found, not?: string, set?: string, quoted?: string, plain?: string) => {
    if (found === '**') return '.*'
    if (found === '*') return '[^/]*'
    if (found === '?') return '[^/]'
    if (set !== undefined) return `(?!/)[${not ? '^' : ''}${classOf(set)}]`
    return escaped(quoted ?? plain ?? '')
  })
}

const classes: ReadonlyMap<string, string> = new Map([
  ['alpha', 'A-Za-z'],
  ['digit', '0-9'],
  ['alnum', 'A-Za-z0-9'],
  ['upper', 'A-Z'],
  ['lower', 'a-z'],
  ['space', '\\s'],
  ['xdigit', 'A-Fa-f0-9'],
])

function classOf(set: string): string {
  return set.replace(/\[:([a-z]+):\]|[\\\][^]/g, (found, name?: string) =>
    name === undefined ? `\\${found}` : (classes.get(name) ?? ''),
  )
}

function escaped(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&')
}
