/** One thing that a rescue does: a command, or a restore of one source. */
export interface Step {
  /** Which of two steps of the same plan it is, and the same in the next one: what has been done is known by it. */
  id: string
  /** Why: a comment for whoever reads the plan. */
  why: string
  argv: readonly [string, ...string[]]
  /** Written to its standard input. */
  input?: string
  /** Reads a passphrase from the terminal. */
  asks?: true
  /** Has to be done again after the live system has been booted anew: what is opened or mounted lasts no longer. */
  again?: Again
  /** What it does can be missing: it is told of, and the rest is done. */
  mayFail?: true
}

/** How one tells that a step that lasts until the next boot still stands, and what brings it back. */
export type Again = ({ mounted: string } | { exists: string }) & { argv: readonly [string, ...string[]] }

/** Where the machine is put together. */
export const rescueRoot = '/mnt/rescue'

/** A step as a line that can be typed, under its comment. */
export function stepText({ why, argv, input }: Step): string {
  const command = argv.map(quoted).join(' ')
  const typed = input === undefined ? command : `${command} <<'END'\n${input.trimEnd()}\nEND`
  return `# ${why}\n${typed}\n`
}

/** A word for a shell. */
export function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`
}
