import type { Step } from '../../host/machine/step.ts'
import { shellQuote } from '../../shell-quote.ts'

/** A step of a rescue as lines that can be typed, under its comment. */
export function stepText({ why, argv, input }: Step): string {
  const command = shellQuote(argv)
  const typed = input === undefined ? command : `${command} <<'END'\n${input.trimEnd()}\nEND`
  return `# ${why}\n${typed}\n`
}
