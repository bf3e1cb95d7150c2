/** Something wrong with the value (or the key) at `path`, before it is known where in the file that is. */
export interface Finding {
  /** Keys and list positions, from the top of the file. */
  path: PropertyKey[]
  /** Which of the two is at fault, for the position. Default: the value. */
  at?: 'key' | 'value'
  /** Finishes the sentence "expected ...". */
  expected: string
  /** Finishes the sentence "found ...". Default: a description of the value. */
  found?: string
  /** What to do about it. */
  hint?: string | undefined
}

/** A place in a config file. */
export interface Place {
  file: string
  /** From 1. Absent, with the column, when it is about the file as a whole. */
  line?: number
  column?: number
  /** The path of keys, as in `sources.var.snapshot.size`; empty for the top of the file. */
  key: string
}

/** Something wrong with a config file. */
export interface Problem extends Place {
  expected: string
  found: string
  hint?: string | undefined
}

/** More than a config has lines, unless it is no config at all. */
const SHOWN = 50

/** A config that cannot be used. The message shows the first fifty problems, ready to be printed. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
  /** All of them, in the order of the file. */
  readonly problems: readonly Problem[]

  constructor(problems: readonly Problem[], cause?: unknown) {
    super(describeProblems(problems), cause === undefined ? undefined : { cause })
    this.problems = problems
  }
}

/** One problem on one line, with its hint indented on a second one. */
function formatProblem({ expected, found, hint, ...place }: Problem): string {
  const sentence = printable(`${formatPlace(place)}: expected ${expected}, found ${found}`)
  return hint ? `${sentence}\n  ${printable(hint)}` : sentence
}

/** `FILE:LINE:COLUMN: KEY`, as far as they are known. */
export function formatPlace({ file, line, column, key }: Place): string {
  const position = line === undefined ? file : `${file}:${line}:${column}`
  return printable(key ? `${position}: ${key}` : position)
}

/** A path of keys as one writes it: `targets.hdd1.mounts[0].at`. Unusual keys are quoted. */
export function formatKey(path: readonly PropertyKey[]): string {
  return path
    .map((step) => {
      if (typeof step === 'number') return `[${step}]`
      return /^[\w-]+$/.test(String(step)) ? `.${String(step)}` : `[${quote(String(step))}]`
    })
    .join('')
    .replace(/^\./, '')
}

/** A value from a file, in a few words that are safe to print. */
export function describeValue(value: unknown): string {
  if (value === undefined || value === null) return 'nothing'
  if (typeof value === 'string') return quote(value)
  if (typeof value !== 'object') return String(value)
  const kind = Array.isArray(value) ? 'list' : 'map'
  return Object.keys(value).length > 0 ? `a ${kind}` : `an empty ${kind}`
}

/** `zstd, gzip or none` */
export function either(words: readonly string[]): string {
  // Not by Intl: to load what it knows of languages takes a quarter of the time of a start.
  return [words.slice(0, -1).join(', '), ...words.slice(-1)].filter(Boolean).join(' or ')
}

/** Text in quotes, cut at 60 characters, without anything that a terminal would obey. */
export function quote(text: string): string {
  return printable(JSON.stringify(text.length > 60 ? `${text.slice(0, 59)}…` : text))
}

function printable(text: string): string {
  return text.replace(/\p{C}/gu, (char) => `\\u{${char.codePointAt(0)?.toString(16)}}`)
}

function describeProblems(problems: readonly Problem[]): string {
  const shown = problems.slice(0, SHOWN).map(formatProblem)
  if (problems.length > 1) shown.unshift(`the config has ${problems.length} problems:`)
  if (problems.length > SHOWN) shown.push(`... and ${problems.length - SHOWN} more`)
  return shown.join('\n')
}
