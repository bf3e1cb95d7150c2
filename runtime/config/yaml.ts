import { type Document, isAlias, isMap, isSeq, type Node, parseDocument, Scalar, visit } from 'yaml'
import { aliasMistakes, danglingAliases, duplicateKeys, type Mistake, syntaxMistakes } from './mistakes.ts'
import { ConfigError, type Finding, formatKey, type Place, type Problem } from './problem.ts'

/** A YAML file as data that still knows where in the text each part of it is. */
export interface YamlText {
  value: unknown
  /**
   * Keys that were given twice, of which `value` has the last; and aliases of nothing, in whose place it has null. What
   * else is wrong can be told beside them.
   */
  mistakes: Problem[]
  /** Where the value at a path is, or its key; for what is missing, where the map is that misses it. */
  locate(path: readonly PropertyKey[], at?: Finding['at']): Place
}

/**
 * Reads YAML 1.2: one document, no tags, keys that are text, and no more than a hundred uses of aliases.
 * @throws {ConfigError} The text is not such YAML. Several mistakes are reported together.
 */
export function readYaml(text: string, file: string): YamlText {
  const document = parsed(text)
  const place = (offset: number, path: readonly PropertyKey[]): Place => {
    // The parser's own LineCounter loses lines once it has met an error.
    const before = text.slice(0, offset).split('\n')
    return { file, line: before.length, column: (before.at(-1) ?? '').length + 1, key: formatKey(path) }
  }
  const toProblem = ({ offset, path, ...rest }: Mistake): Problem => ({ ...place(offset, path), ...rest })
  const refuse = (mistakes: Mistake[]) => {
    if (mistakes.length > 0) throw new ConfigError(mistakes.map(toProblem))
  }

  refuse(syntaxMistakes(document, text))
  refuse(aliasMistakes(document))
  const dangling = danglingAliases(document)
  if (dangling.length > 0) emptyDangling(document)
  return {
    value: toValue(document, refuse),
    mistakes: [...duplicateKeys(document), ...dangling].map(toProblem),
    locate: (path, at) => place(offsetOf(document, path, at), path),
  }
}

/**
 * What can be read of a text that may be no such YAML.
 * @returns `whole`: nothing of it is missing.
 */
export function readYamlLoosely(text: string): { value: unknown; whole: boolean } {
  try {
    const document = parsed(text)
    emptyDangling(document)
    return { value: document.toJS({ maxAliasCount: 100 }), whole: document.errors.length === 0 }
  } catch {
    return { value: undefined, whole: false }
  }
}

function parsed(text: string): Document.Parsed {
  return parseDocument(text, {
    stringKeys: true,
    resolveKnownTags: false,
    prettyErrors: false,
    // 'silent' would drop a second document without a word; 'warn' writes to stderr.
    logLevel: 'error',
  })
}

/** Without this, the document could not be read at all: `exclude: [*.tmp]` is an alias to YAML. */
function emptyDangling(document: Document): void {
  visit(document, { Alias: (_, alias) => (alias.resolve(document) ? undefined : new Scalar(null)) })
}

function toValue(document: Document, refuse: (mistakes: Mistake[]) => void): unknown {
  try {
    return document.toJS({ maxAliasCount: 100 })
  } catch {
    // What else could fail has been refused: this is a bomb of aliases.
    refuse([{ offset: 0, path: [], expected: 'aliases (*name) of at most 100 values in all', found: 'more' }])
    return undefined
  }
}

function offsetOf(document: Document, path: readonly PropertyKey[], at: Finding['at'] = 'value'): number {
  let node: Node | null | undefined = document.contents
  let keyOffset = node?.range?.[0] ?? 0
  for (const step of path) {
    if (isAlias(node)) node = node.resolve(document)
    const child = childOf(node, step)
    if (!child) return keyOffset
    node = child.value
    keyOffset = child.keyOffset ?? node?.range?.[0] ?? keyOffset
  }
  return at === 'key' ? keyOffset : (node?.range?.[0] ?? keyOffset)
}

function childOf(node: unknown, step: PropertyKey): { value: Node | null; keyOffset?: number } | undefined {
  if (isSeq<Node>(node)) {
    const value = node.items[Number(step)]
    return value && { value }
  }
  if (!isMap<Node, Node>(node)) return undefined
  const pair = node.items.findLast(({ key }) => String(key) === String(step))
  return pair && { value: pair.value, keyOffset: pair.key.range?.[0] ?? 0 }
}
