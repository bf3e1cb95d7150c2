import type { Step } from '../../host/machine/step.ts'

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
