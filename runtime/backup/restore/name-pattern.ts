import type { Wanted } from '../../host/archive/catalogue/wanted-names.ts'

/**
 * A pattern of names, as a shell has them: `*`, `?`, `[abc]`, `[!a-z]`, and `\` before what stands for itself. Without a `/`
 * it is one of names alone; with one it is of whole paths below the source, in which `**` goes over several folders. A name takes
 * time by its length times that of the pattern, whatever the pattern: a regular expression of many stars goes back without end.
 * @param pattern Text as `pathText` has it.
 */
export function namePattern(pattern: string): Wanted {
  const ofPath = pattern.includes('/')
  const parts = partsOf(pattern.replace(/^\/+|\/+$/g, ''))
  const takesText = matcher(parts)
  const text = longestText(parts)
  return {
    takes(path) {
      const name = ofPath ? path : path.slice(path.lastIndexOf('/') + 1)
      // Rules most of them out, and is far quicker.
      return name.includes(text) && takesText(name)
    },
    within: bytesOf(longestText(ofPath ? partsOfName(parts) : parts)),
  }
}

/** What stands behind the last slash, and behind every `**`, which may be one: it is in the last name of a path. */
function partsOfName(parts: readonly Part[]): readonly Part[] {
  return parts.slice(
    parts.findLastIndex(({ what }) => (typeof what === 'number' ? what === slash : what(slash))) + 1,
  )
}

/** A text as `pathText` reads it: in UTF-8, or in Latin-1. */
function bytesOf(text: string): Buffer[] {
  const utf8 = Buffer.from(text)
  if (text === '') return []
  return /^[\x20-\x7e]+$|[^\0-\xff]/.test(text) ? [utf8] : [utf8, Buffer.from(text, 'latin1')]
}

/** What one character may be, or each of many in a row: a character itself, by its number, or one that fits. */
interface Part {
  isMany: boolean
  what: number | ((character: number) => boolean)
}

const syntax = /\*\*|\*|\?|\[(!|\^)?(\]?[^\]]*)\]|\\(.)|(.)/gsu
const slash = 0x2f
const isOfName = (character: number) => character !== slash

function partsOf(pattern: string): Part[] {
  return Array.from(pattern.matchAll(syntax), ([found, not, set, escaped, plain]) => {
    if (found === '**') return { isMany: true, what: () => true }
    if (found === '*') return { isMany: true, what: isOfName }
    if (found === '?') return { isMany: false, what: isOfName }
    if (set !== undefined) return { isMany: false, what: setOf(set, not !== undefined) }
    return { isMany: false, what: numberOf(escaped ?? plain ?? '') }
  })
}

/** A range that ends before it begins has nothing in it, as in a shell. */
function setOf(set: string, isNot: boolean): (character: number) => boolean {
  const ranges = Array.from(set.matchAll(/(.)(?:-(.))?/gsu), ([, first = '', last = first]) => ({
    first: numberOf(first),
    last: numberOf(last),
  }))
  return (character) =>
    isOfName(character) && ranges.some(({ first, last }) => first <= character && character <= last) !== isNot
}

function numberOf(character: string): number {
  return character.codePointAt(0) ?? 0
}

/** The longest run of characters that stand for themselves. */
function longestText(parts: readonly Part[]): string {
  const runs = ['']
  for (const { what } of parts)
    if (typeof what === 'number') runs.push(runs.pop() + String.fromCodePoint(what))
    else runs.push('')
  return longest(runs)
}

function longest(texts: readonly string[]): string {
  return texts.reduce((one, other) => (other.length > one.length ? other : one), '')
}

/** Goes through a text once, and notes how many parts, from the first one on, take what was read so far. */
function matcher(parts: readonly Part[]): (text: string) => boolean {
  const fits = new Uint8Array(parts.length + 1)
  return (text) => {
    fits[0] = 1
    for (const [at, { isMany }] of parts.entries()) fits[at + 1] = isMany ? (fits[at] as number) : 0
    for (let at = 0; at < text.length; at++) {
      const character = text.codePointAt(at) as number
      if (character > 0xffff) at++
      if (!step(parts, fits, character)) return false
    }
    return fits[parts.length] === 1
  }
}

/** @returns Whether something fits still. */
function step(parts: readonly Part[], fits: Uint8Array, character: number): boolean {
  let before = fits[0]
  let goesOn = false
  fits[0] = 0
  for (let at = 0; at < parts.length; at++) {
    const { isMany, what } = parts[at] as Part
    const was = fits[at + 1]
    const candidate = isMany ? was : before
    const fitsHere =
      (isMany && fits[at] === 1) ||
      (candidate === 1 && (typeof what === 'number' ? what === character : what(character)))
    fits[at + 1] = fitsHere ? 1 : 0
    goesOn ||= fitsHere
    before = was
  }
  return goesOn
}
