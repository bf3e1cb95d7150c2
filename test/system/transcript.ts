import { readFileSync } from 'node:fs'
import { join } from 'node:path'

/** A command of an administrator's, and the lines it prints. */
export interface Step {
  command: string
  output: string[]
}

/** The first session of the README: what comes after `<!-- first session -->`, up to the end of that block. */
export function firstSession(): Step[] {
  const readme = readFileSync(join(import.meta.dirname, '../../README.md'), 'utf8')
  const block = /<!-- first session -->\n```console\n(.*?)```/s.exec(readme)?.[1] ?? ''
  return block
    .split(/^# /m)
    .slice(1)
    .map((text) => {
      const [command = '', ...output] = text.trimEnd().split('\n')
      // An ellipsis stands for lines that are left out.
      return { command, output: output.filter((line) => line.trim() !== '' && line.trim() !== '...') }
    })
}

/** Makes lines comparable that differ by how long something took, how much it was, and when it was. */
export function pattern(line: string): string {
  return line
    .replace(/\brun [a-z0-9]{10}\b/g, 'run ID')
    .replace(/\b\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\b|\b\d\d:\d\d:\d\d\b/g, 'TIME')
    .replace(/\b\d[\d,.]*( ?[KMGT]i?B| B|%| ?ms|m \d+s|s)?(?=\W|$)/g, 'N')
    .replace(/\s+/g, ' ')
    .trim()
}
