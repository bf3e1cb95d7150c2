import { type Document, isPair, isScalar, isSeq, type Node, type Pair, visit, type YAMLError } from 'yaml'
import { type Finding, quote } from './problem.ts'

/** A finding about the text itself, at an offset in it. */
export interface Mistake extends Omit<Finding, 'at'> {
  offset: number
  found: string
}

const NEEDS_COLON = 'a key is followed by a colon and a space'
const IN_QUOTES = 'put a value that begins with one of * & ! @ % ` in quotes'

/** What the parser's codes mean to somebody who has never heard of them. */
const EXPLAINED: Partial<Record<YAMLError['code'], { expected?: string; found?: string; hint: string }>> = {
  TAB_AS_INDENT: { expected: 'spaces as indentation', found: 'a tab', hint: 'replace the tab by spaces' },
  MULTIPLE_DOCS: { expected: 'a single YAML document', found: 'a second one', hint: 'remove the line ---' },
  NON_STRING_KEY: { expected: 'text as key', hint: 'an alias, a list or a map cannot be a key' },
  TAG_RESOLVE_FAILED: { expected: 'a value without a tag', hint: IN_QUOTES },
  BAD_DIRECTIVE: { expected: 'no directive', hint: 'remove the line that begins with %' },
  MULTILINE_IMPLICIT_KEY: { hint: NEEDS_COLON },
  BAD_ALIAS: { hint: IN_QUOTES },
  BAD_SCALAR_START: { hint: IN_QUOTES },
  BLOCK_AS_IMPLICIT_KEY: { hint: 'put a text that contains ": " in quotes' },
  BLOCK_IN_FLOW: { hint: 'separate what is inside { } and [ ] by commas' },
  RESOURCE_EXHAUSTION: { hint: 'this is nested too deeply' },
}

/** What makes the text something else than YAML. Duplicate keys are not among it: see {@link duplicateKeys}. */
export function syntaxMistakes(document: Document, text: string): Mistake[] {
  const mistakes = [...document.errors, ...document.warnings]
    .filter(({ code }) => code !== 'DUPLICATE_KEY')
    .map((error) => explain(error, text))
  if (document.directives?.yaml.version !== '1.2') {
    // Other versions read `on`, `no` and 1:30 as something else than text.
    const found = `a directive of version ${document.directives?.yaml.version}`
    mistakes.unshift({ offset: 0, path: [], expected: 'YAML 1.2', found, hint: 'remove the line %YAML' })
  }
  // Once the parser has lost its way it complains again about the rest of the line.
  const lineOf = ({ offset }: Mistake) => text.lastIndexOf('\n', offset - 1)
  return mistakes.filter(
    (mistake, i) => mistakes.findIndex((other) => lineOf(other) === lineOf(mistake)) === i,
  )
}

/** Keys that a map has twice. The document can still be read, with the last of each. */
export function duplicateKeys(document: Document): Mistake[] {
  const offsets = new Set(document.errors.map(({ code, pos }) => (code === 'DUPLICATE_KEY' ? pos[0] : -1)))
  const mistakes: Mistake[] = []
  visit(document, {
    Pair(_, { key }, ancestors) {
      const offset = isScalar(key) ? key.range?.[0] : undefined
      if (offset === undefined || !offsets.has(offset)) return
      const path = [...pathOf(ancestors), String(key)]
      mistakes.push({ offset, path, expected: 'each key once', found: 'it a second time' })
    },
  })
  return mistakes
}

/** Aliases of what is named nowhere. */
export function danglingAliases(document: Document): Mistake[] {
  const mistakes: Mistake[] = []
  visit(document, {
    Alias(_, alias, ancestors) {
      if (alias.resolve(document)) return
      const name = quote(`*${alias.source}`)
      mistakes.push({
        offset: alias.range?.[0] ?? 0,
        path: pathOf([...ancestors, alias]),
        expected: 'a value',
        found: `${name}, an alias of nothing`,
        hint: `write it in quotes: ${name}`,
      })
    },
  })
  return mistakes
}

/** Aliases inside of what they stand for, and the one key that JavaScript cannot hold. */
export function aliasMistakes(document: Document): Mistake[] {
  const mistakes: Mistake[] = []
  visit(document, {
    Alias(_, alias, ancestors) {
      const target = alias.resolve(document)
      if (!target || !ancestors.includes(target)) return
      mistakes.push({
        offset: alias.range?.[0] ?? 0,
        path: pathOf([...ancestors, alias]),
        expected: 'an alias of something else than itself',
        found: quote(`*${alias.source}`),
      })
    },
    Pair(_, { key }, ancestors) {
      if (!isScalar(key) || key.value !== '__proto__') return
      const at = { offset: key.range?.[0] ?? 0, path: pathOf(ancestors) }
      mistakes.push({ ...at, expected: 'another key', found: quote('__proto__') })
    },
  })
  return mistakes
}

function explain({ code, pos: [offset], message }: YAMLError, text: string): Mistake {
  const rest = text.slice(offset).split('\n', 1)[0]?.trim()
  const found = rest ? quote(rest) : `the end of the ${text.slice(offset).trim() ? 'line' : 'file'}`
  const missingColon = message.startsWith('Implicit map keys') && NEEDS_COLON
  return {
    offset,
    path: [],
    expected: 'valid YAML',
    found,
    hint: missingColon || message,
    ...EXPLAINED[code],
  }
}

/** The path of keys along a line of nodes, each of which holds the next. */
function pathOf(nodes: readonly (Document | Node | Pair)[]): PropertyKey[] {
  return nodes.flatMap((node, i): PropertyKey[] => {
    if (isPair(node)) return [String(node.key)]
    const index = isSeq(node) ? node.items.indexOf(nodes[i + 1]) : -1
    return index >= 0 ? [index] : []
  })
}
