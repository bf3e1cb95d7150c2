/** A folder out of which much would go. `whole`: it goes itself, with all that is in it. */
export interface FolderCount {
  /** From the root of the mirror; `.` is the root itself. What is not UTF-8 is escaped as rsync does it. */
  path: string
  files: number
  folders: number
  whole: boolean
}

/** What would go, as a person judges it. */
export interface NamesSummary {
  files: number
  folders: number
  byFolder: FolderCount[]
}

export interface Permission {
  /** What it would delete or change, by the forecast. */
  names: readonly string[]
  released: ReadonlySet<string> | undefined
  limit: number
}

/** How many that are. @returns undefined when there is more beside what was released than is allowed. */
export function permittedBeyond({ names, released, limit }: Permission): number | undefined {
  const shown = names.reduce((sum, name) => (released?.has(name) ? sum + 1 : sum), 0)
  return names.length - shown > limit ? undefined : shown + limit
}

/**
 * Sums up by folder what would go: a folder that goes as a whole counts with all that is in it, any other entry to the
 * folder that it lies in. Where that makes too many, folders are taken together with those beside them.
 * @param names As in `Forecast`, in any order.
 * @param most So many folders, the fullest first; the rest is in the totals alone.
 */
export function summariseNames(names: readonly string[], most = 20): NamesSummary {
  const groups = groupByFolder(names)
  const all = [...groups.values()]
  const folders = all.reduce((sum, group) => sum + group.folders, 0)
  return {
    files: names.length - folders,
    folders,
    byFolder: collapse(all, most)
      .sort((one, other) => other.files + other.folders - one.files - one.folders)
      .slice(0, most)
      .map((group) => ({ ...group, path: nameText(group.path) || '.' })),
  }
}

/** What a list of a hold is about: names of what would be deleted, and of files that would be changed. */
export interface HeldNames {
  deleted: readonly string[]
  changed: readonly string[]
}

/** Names as they are kept: those of files that would be changed begin with a slash, which no other does. */
export function listOf({ deleted, changed }: HeldNames): string[] {
  return sortNames([...deleted, ...changed.map((name) => `/${name}`)])
}

/** Undoes `listOf`. */
export function namesIn(list: readonly string[]): HeldNames {
  const { deleted = [], changed = [] } = Object.groupBy(list, (name) =>
    name.startsWith('/') ? 'changed' : 'deleted',
  )
  return { deleted, changed: changed.map((name) => name.slice(1)) }
}

/** Names in the order of their bytes, in which a folder stands right before what is in it. */
export function sortNames(names: readonly string[]): string[] {
  return [...names].sort((one, other) => (one < other ? -1 : one > other ? 1 : 0))
}

function groupByFolder(names: readonly string[]): Map<string, FolderCount> {
  const groups = new Map<string, FolderCount>()
  let whole = ''
  for (const name of sortNames(names)) {
    const isFolder = name.endsWith('/')
    if (whole === '' || !name.startsWith(whole)) whole = isFolder ? name : ''
    const path = whole === '' ? name.slice(0, name.lastIndexOf('/') + 1) : whole
    const group = groups.get(path) ?? { path, files: 0, folders: 0, whole: whole !== '' }
    if (isFolder) group.folders += 1
    else group.files += 1
    groups.set(path, group)
  }
  return groups
}

const deepest = 32

/** Merges groups by the greatest depth of their paths at which there are few enough, at least 1. */
function collapse(groups: readonly FolderCount[], most: number): FolderCount[] {
  for (let depth = deepest; depth > 0 && groups.length > most; depth -= 1) {
    const collapsed = [...Map.groupBy(groups, ({ path }) => cutTo(path, depth))].map(([path, those]) =>
      together(path, those),
    )
    if (collapsed.length <= most || depth === 1) return collapsed
  }
  return [...groups]
}

/** One that stands alone keeps its path. */
function together(path: string, groups: readonly FolderCount[]): FolderCount {
  const [only] = groups
  if (only && groups.length === 1) return only
  const sum = (key: 'files' | 'folders') => groups.reduce((total, group) => total + group[key], 0)
  return { path, files: sum('files'), folders: sum('folders'), whole: false }
}

function cutTo(path: string, depth: number): string {
  const parts = path.split('/')
  return parts.length - 1 <= depth ? path : `${parts.slice(0, depth).join('/')}/`
}

const utf8 = new TextDecoder('utf-8', { fatal: true })

/** A name as text: UTF-8 as it is, other bytes as rsync escapes them (`\#377`). @param name Each byte a character. */
export function nameText(name: string): string {
  try {
    return utf8.decode(Buffer.from(name, 'latin1'))
  } catch {
    const octal = (byte: string) => `\\#${byte.charCodeAt(0).toString(8).padStart(3, '0')}`
    return name.replace(/[\x80-\xff]|\\(?=#[0-7]{3})/g, octal)
  }
}
