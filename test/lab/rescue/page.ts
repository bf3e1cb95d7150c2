import { readFileSync } from 'node:fs'
import { join } from 'node:path'

/** A chapter of the page about rescues, with what stands there to be typed. */
export interface Chapter {
  /** The blocks of commands, in order. */
  blocks: string[]
  /** The first block of YAML. */
  yaml: string
  /** The words in backquotes that begin so, as a command in a sentence does. */
  inline(begins: string): string
}

/** @param title Of a chapter that is there. @throws When it is not. */
export function chapter(title: string): Chapter {
  const page = readFileSync(join(import.meta.dirname, '../../../deploy/docs/rescue.md'), 'utf8')
  const [, rest] = page.split(`## ${title}\n`)
  if (rest === undefined) throw new Error(`rescue.md has no chapter "${title}"`)
  const [text = ''] = rest.split(/^## /m)
  const fenced = (language: string) =>
    [...text.matchAll(new RegExp(`\`\`\`${language}\\n([\\s\\S]*?)\`\`\``, 'g'))].map(([, block = '']) =>
      block.trim(),
    )
  return {
    blocks: fenced('sh'),
    yaml: fenced('yaml')[0] ?? '',
    inline(begins) {
      const found = text.match(new RegExp(`\`(${begins}[^\`]*)\``))?.[1]
      if (found === undefined) throw new Error(`"${title}" does not tell to type ${begins}`)
      return found
    },
  }
}
