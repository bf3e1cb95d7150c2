import { readFileSync } from 'node:fs'
import { stripTypeScriptTypes } from 'node:module'
import { fileURLToPath } from 'node:url'
import { appRoot } from '../../app-root.ts'

/** A place in a file. */
export interface Place {
  file: string
  line: number
  column?: number
}

/**
 * Where a file that could not be loaded is wrong: the first place that the error names outside of Node.
 * @param files What has been loaded, the newest last: the error may lie in a file that is imported.
 */
export function placeOf(error: unknown, files: readonly string[]): Place | undefined {
  const stack = error instanceof Error ? String(error.stack) : ''
  return (
    pointedAt(stack) ?? placeInStack(stack) ?? (error instanceof SyntaxError ? parsedAt(files) : undefined)
  )
}

/** `FILE:LINE`, the line, and a caret below: how Node shows what cannot be parsed or linked. */
function pointedAt(stack: string): Place | undefined {
  const [, where = '', line, carets = ''] = /^(\S.*):(\d+)\n(?:.*\n)+?( *\^)/.exec(stack) ?? []
  return line === undefined ? undefined : { file: pathOf(where), line: Number(line), column: carets.length }
}

/** The first place of a stack that is neither Node's nor ours. */
export function placeInStack(stack: string): Place | undefined {
  for (const [, where = '', line, column] of stack.matchAll(
    /^ {4}at (?:.*[ (])?((?:file:\/\/)?\/[^\s()]+):(\d+):(\d+)\)?$/gm,
  )) {
    const file = pathOf(where)
    if (!file.startsWith(`${appRoot}/`)) return { file, line: Number(line), column: Number(column) }
  }
  return undefined
}

/** Not every error says where; what strips types does, and knows JavaScript too. */
function parsedAt(files: readonly string[]): Place | undefined {
  for (const file of files.toReversed()) {
    try {
      stripTypeScriptTypes(readFileSync(file, 'utf8'))
    } catch (error) {
      const place = error instanceof Error ? pointedAt(`${file}${String(error.stack)}`) : undefined
      if (place) return place
    }
  }
  return undefined
}

function pathOf(where: string): string {
  return where.startsWith('file:') ? fileURLToPath(where) : where
}
