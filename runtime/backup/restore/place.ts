import { UsageError } from '../../errors.ts'
import { didYouMean } from '../../nearest.ts'

/** Something in a source. */
export interface Place {
  source: string
  /** Below the folder of the source, without `/` at either end; empty for the whole source. */
  path: Buffer
}

/** Where a source is seen on the live system. */
export interface LiveSource {
  name: string
  /** Folders in which it is found, absolute and normal; none where it is not mounted. */
  roots: readonly LiveRoot[]
}

export interface LiveRoot {
  at: string
  /** The folder of the source that is seen there; empty for the source's own. */
  below: string
}

/**
 * Reads PLACE: `SOURCE`, `SOURCE:PATH`, or an absolute path of the live system, which is looked up in the sources. Where
 * sources lie in each other, the innermost has it.
 * @param word As it was typed: bytes, as names need not be valid UTF-8.
 * @throws {UsageError} There is no such source, several have that path, or it goes up with `..`.
 */
export function placeOf(word: Buffer, sources: readonly LiveSource[]): Place {
  return word[0] === slash ? placeOfLive(word, sources) : placeInSource(word, sources)
}

/** For people, and to be typed again: `var:mail/ann`. */
export function placeText({ source, path }: Place): string {
  return path.length === 0 ? source : `${source}:${path}`
}

const slash = '/'.charCodeAt(0)

function placeInSource(word: Buffer, sources: readonly LiveSource[]): Place {
  const colon = word.indexOf(':')
  const source = word.toString('utf8', 0, colon < 0 ? word.length : colon)
  const names = sources.map(({ name }) => name)
  if (!names.includes(source)) {
    const isPath = source.includes('/')
    throw new UsageError(`there is no source ${JSON.stringify(source)}`, {
      hint: isPath
        ? `write an absolute path, or SOURCE:PATH; there is ${names.join(', ')}`
        : (didYouMean(source, names) ?? `there is ${names.join(', ')}`),
    })
  }
  return { source, path: colon < 0 ? Buffer.alloc(0) : normal(word.subarray(colon + 1), word) }
}

function placeOfLive(word: Buffer, sources: readonly LiveSource[]): Place {
  const path = normal(word, word)
  const found = sources.flatMap(({ name, roots }) =>
    roots.flatMap(({ at, below }) => {
      const root = normal(Buffer.from(at), word)
      const rest = restBelow(path, root)
      return rest ? [{ source: name, path: joined(Buffer.from(below), rest), depth: root.length }] : []
    }),
  )
  const depth = Math.max(...found.map((one) => one.depth))
  const innermost = found.filter((one) => one.depth === depth)
  const names = [...new Set(innermost.map(({ source }) => source))]
  const [first] = innermost
  if (first && names.length === 1) return { source: first.source, path: first.path }
  if (first) {
    const places = innermost.map(placeText).join(' or ')
    throw new UsageError(`${word} is in several sources`, { hint: `write ${places}` })
  }
  const roots = sources.flatMap(({ name, roots }) => roots.map(({ at }) => `${at} (${name})`))
  throw new UsageError(`${word} is in no source`, {
    hint: `write SOURCE:PATH; the sources are ${roots.join(', ') || sources.map(({ name }) => name).join(', ')}`,
  })
}

/** What is left of a path below a folder; undefined where it is not in it. Both are normal. */
function restBelow(path: Buffer, folder: Buffer): Buffer | undefined {
  if (folder.length === 0) return path
  if (path.equals(folder)) return Buffer.alloc(0)
  const isBelow = path[folder.length] === slash && path.subarray(0, folder.length).equals(folder)
  return isBelow ? path.subarray(folder.length + 1) : undefined
}

function joined(folder: Buffer, rest: Buffer): Buffer {
  const parts = [folder, rest].filter(({ length }) => length > 0)
  return parts.length === 2 ? Buffer.concat([folder, Buffer.from('/'), rest]) : (parts[0] ?? Buffer.alloc(0))
}

/** Without slashes at its ends, `//` and `.`: names alone. Latin-1 tells all bytes apart. */
function normal(path: Buffer, word: Buffer): Buffer {
  const names = path
    .toString('latin1')
    .split('/')
    .filter((name) => name !== '' && name !== '.')
  if (names.includes('..')) {
    throw new UsageError(`${word} goes up with ..`, { hint: 'write the path that is meant' })
  }
  return Buffer.from(names.join('/'), 'latin1')
}
