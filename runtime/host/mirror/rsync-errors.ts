/** What is behind a complaint of rsync's, as far as it tells what to do. */
export type RsyncErrorKind =
  /** A disk or a file system is failing. */
  | 'io'
  | 'read-only'
  | 'stale'
  | 'no-space'
  | 'no-inodes'
  | 'quota'
  | 'file-too-large'
  /** The target keeps no attributes or access lists at all. */
  | 'no-attributes'
  | 'not-permitted'
  | 'no-access'
  | 'memory'
  /** The source was in use: normal in a directory, a fault in a snapshot. */
  | 'vanished'
  | 'changed'
  /** One entry that the target cannot hold, or not now; all others are copied. */
  | 'attribute'
  | 'links'
  | 'long-name'
  | 'bad-name'
  | 'special-file'
  | 'in-the-way'
  | 'unknown'

/** Entries of one kind. */
export interface Complaint {
  kind: RsyncErrorKind
  /** How many lines there were. */
  count: number
  /** The first entries that they name, relative to the source or the mirror. */
  entries: string[]
}

/** All that rsync has complained about. */
export interface Complaints {
  /** In the order in which they were first heard. */
  kinds: Complaint[]
  /** The first line, fit to be shown; empty where there was none. */
  first: string
  /** Deletions that `--max-delete` has stopped; undefined where it has stopped none. */
  stopped: number | undefined
  /** Whether anything was said, be it a consequence of something else. */
  any: boolean
}

/** What was left out of a copy that is good otherwise. */
export interface LeftOut {
  kinds: Complaint[]
  /** Rsync could not read all of the source, and has deleted nothing then. */
  deletedNothing: boolean
}

/** A disk that fails in the middle: what was written before may be lost too. */
export const failingKinds: readonly RsyncErrorKind[] = ['io', 'read-only']

/** Each is one entry that was not copied, or not all of it, and no reason to do without a backup of all others. */
const harmless: Partial<Record<RsyncErrorKind, string>> = {
  attribute: 'copied without an attribute or access list that the target has no room for',
  links: 'the target holds no more hard links to one file',
  'long-name': 'its path is too long',
  'bad-name': 'the target does not take such a name',
  'special-file': 'the target holds no such special files',
  'in-the-way': 'the mirror has a folder in its place, with files in it that are excluded now',
  changed: 'it was moved or replaced while it was copied',
  vanished: 'it vanished while it was copied',
}

/** Longest part of a name or a line that is shown. */
const nameShown = 100
const lineShown = 400
const entriesKept = 20
/** Longer lines are cut in their middle while they are read: names have 4,096 bytes at most, each shown as four. */
const lineLimit = 64 * 1024

/**
 * Reads what rsync writes to its standard error, line by line, and keeps little of it however much there is.
 * @param places The source and the mirror: their paths are left out of names.
 */
export class ComplaintReader {
  readonly #places: readonly string[]
  readonly #kinds = new Map<RsyncErrorKind, Complaint>()
  #rest = ''
  #first = ''
  #stopped: number | undefined
  #any = false

  constructor(places: readonly string[] = []) {
    this.#places = places.map((place) => `${place.replace(/\/*$/, '')}/`)
  }

  add(chunk: Buffer | string): void {
    const lines = (this.#rest + chunk.toString('latin1')).split('\n')
    const rest = lines.pop() ?? ''
    this.#rest = rest.length > lineLimit ? rest.slice(0, lineLimit / 2) + rest.slice(-lineLimit / 2) : rest
    for (const line of lines) this.#read(line)
  }

  end(): Complaints {
    this.#read(this.#rest)
    this.#rest = ''
    return {
      kinds: [...this.#kinds.values()],
      first: this.#first,
      stopped: this.#stopped,
      any: this.#any,
    }
  }

  #read(raw: string): void {
    const line = readable(raw.trim())
    if (line === '') return
    this.#any = true
    const stopped = /^Deletions stopped due to --max-delete limit(?: \((\d+) skipped\))?/.exec(line)
    if (stopped) this.#stopped = Number(stopped[1] ?? 1)
    if (stopped || isConsequence(line)) return
    const said = complaintOf(line)
    this.#first ||= shownLine(line)
    const complaint = this.#kinds.get(said.kind) ?? { kind: said.kind, count: 0, entries: [] }
    this.#kinds.set(said.kind, complaint)
    const entry = said.entry === undefined ? undefined : this.#entry(said.entry)
    if (entry !== undefined && complaint.entries.includes(entry)) return
    complaint.count += 1
    if (entry !== undefined && complaint.entries.length < entriesKept) complaint.entries.push(entry)
  }

  #entry(name: string): string {
    const place = this.#places.find((one) => name.startsWith(one))
    // Rsync writes a file under a name of its own first.
    const own = name.replace(/(^|\/)\.([^/]+)\.[A-Za-z0-9]{6}$/, '$1$2')
    return shortened(place ? own.slice(place.length) : own)
  }
}

/** The complaints in a text, as a whole. */
export function complaintsOf(text: string, places: readonly string[] = []): Complaints {
  const reader = new ComplaintReader(places)
  reader.add(Buffer.from(text))
  return reader.end()
}

/**
 * Whether a copy that ended with exit code 23 is good but for single entries.
 * @returns What was left out; undefined where anything else is wrong, or is not known.
 */
export function leftOutOf({ kinds }: Complaints): Pick<LeftOut, 'kinds'> | undefined {
  return kinds.length > 0 && kinds.every(({ kind }) => kind in harmless) ? { kinds } : undefined
}

/** What a person is told of what was left out. @param mirror The folder of the mirror. */
export function leftOutText({ kinds, deletedNothing }: LeftOut, source: string, mirror: string): string {
  const all = kinds.map(({ kind, count, entries }) => {
    const shown = entries.slice(0, 3).map((entry) => `"${entry}"`)
    const more = count - shown.length
    const names = [...shown, ...(more > 0 ? [`${more} more`] : [])].join(', ')
    return `${names} (${harmless[kind]})`
  })
  const blocked = kinds.find(({ kind }) => kind === 'in-the-way')?.entries[0]
  const remedies = [
    ...(blocked === undefined ? [] : [`look at ${mirror}/${blocked} and move it away`]),
    ...(kinds.every(({ kind }) => passing.includes(kind) || kind === 'in-the-way')
      ? []
      : [`what need not be kept goes under sources.${source}.exclude`]),
  ]
  const deletions = deletedNothing
    ? '; nothing was deleted in the mirror, as not all of the source was read'
    : ''
  const advice = remedies.length > 0 ? `: ${remedies.join('; ')}` : ''
  return `not copied, or not in full: ${all.join('; ')}${deletions}${advice}`
}

/** What the next night may find as it should be. */
const passing: readonly RsyncErrorKind[] = ['changed', 'vanished']

/** What was said because of something that was said before. */
function isConsequence(line: string): boolean {
  return /^(rsync (error|warning): |\*\*\* Skipping |rsync: .*write error: Broken pipe|rsync: .*connection unexpectedly closed)/.test(
    line,
  )
}

function complaintOf(line: string): { kind: RsyncErrorKind; entry?: string | undefined } {
  const plain = plainComplaints.find(({ pattern }) => pattern.test(line))
  if (plain) return { kind: plain.kind, entry: plain.pattern.exec(line)?.groups?.entry }
  const code = Number(/\((\d+)\)$/.exec(line)?.[1] ?? words.find(([word]) => line.includes(word))?.[1])
  const entry = /"([^"]*)"/.exec(line)?.[1] ?? /(?:file|get_acl: \S+?)\((.+?), /.exec(line)?.[1]
  return { kind: kindOf(code, line), entry }
}

/** Without the words of the C library. */
const plainComplaints: readonly { pattern: RegExp; kind: RsyncErrorKind }[] = [
  { pattern: /^could not make way for new [^:]+: (?<entry>.*)$/, kind: 'in-the-way' },
  { pattern: /^filename overflows max-path len by \d+: (?<entry>.*)$/, kind: 'long-name' },
  {
    pattern: /^(skipping overly long name|(temporary filename|path) too long): (?<entry>.*)$/,
    kind: 'long-name',
  },
  { pattern: /^(file|directory) has vanished: "(?<entry>.*)"$/, kind: 'vanished' },
  { pattern: /^(rsync: .*)?(ERROR: )?[Oo]ut of memory/, kind: 'memory' },
]

/** Of those that must not be missed, where no number follows. @see strerror(3) */
const words: readonly (readonly [string, number])[] = [
  ['Input/output error', 5],
  ['Read-only file system', 30],
  ['No space left on device', 28],
  ['Disk quota exceeded', 122],
]

/** @see errno(3), by its numbers on Linux */
function kindOf(code: number, line: string): RsyncErrorKind {
  const byNumber: Readonly<Record<number, RsyncErrorKind>> = {
    5: 'io',
    12: 'memory',
    13: 'no-access',
    27: 'file-too-large',
    30: 'read-only',
    31: 'links',
    36: 'long-name',
    116: 'stale',
  }
  const isAttribute = /xattr|xal_|_acl|acl_/i.test(line)
  const isSender = line.startsWith('rsync: [sender]')
  const isSpecial = /\b(mknod|mkfifo|symlink) "/.test(line)
  // ENOSPC, E2BIG, ERANGE, EDQUOT: all of an inode's attributes have to fit into one block on ext4.
  if (isAttribute && !isSender && [28, 7, 34, 122].includes(code)) return 'attribute'
  if (isAttribute && !isSender && code === 95) return 'no-attributes'
  if (code === 28) return 'no-space'
  if (code === 122) return 'quota'
  // A folder has become a link or a file: ELOOP, ENOTDIR.
  if (isSender && (code === 40 || code === 20)) return 'changed'
  // ENOENT: between two looks at it. A source that is not there at all is another thing.
  if (isSender && code === 2 && !/link_stat|change_dir/.test(line)) return 'vanished'
  if (isSpecial && [1, 95, 22].includes(code)) return 'special-file'
  // EINVAL and EILSEQ where something is made.
  if (/\b(mkstemp|mkdir|rename|link|open) "/.test(line) && [22, 84].includes(code)) return 'bad-name'
  return byNumber[code] ?? (code === 1 ? 'not-permitted' : 'unknown')
}

/** A line fit to be shown: long names keep their beginning and their end, and the reason behind them stays. */
function shownLine(line: string): string {
  const named = line.replace(/"([^"]*)"/g, (_, name: string) => `"${shortened(name, 2 * nameShown)}"`)
  return shortened(named, lineShown)
}

/**
 * What came as one character a byte. Rsync writes each byte that it takes for unprintable as `\#` and its octal number;
 * control characters stay so.
 */
function readable(text: string): string {
  const bytes = text.replace(/\\#([23][0-7]{2})/g, (_, octal: string) =>
    String.fromCharCode(Number.parseInt(octal, 8)),
  )
  return Buffer.from(bytes, 'latin1').toString('utf8')
}

/** The beginning and the end of what is too long. */
export function shortened(text: string, limit = nameShown): string {
  if (text.length <= limit) return text
  const half = Math.floor((limit - 1) / 2)
  return `${text.slice(0, half)}…${text.slice(-half)}`
}
