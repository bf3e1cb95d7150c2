import { isUtf8 } from 'node:buffer'

/** A command as one can paste it into a shell. */
export function shellQuote(argv: readonly string[]): string {
  return argv.map(shellWord).join(' ')
}

/** The same for a word of any bytes. */
export function shellQuoteBytes(word: Buffer): string {
  if (isUtf8(word)) return shellWord(word.toString())
  const escaped = word.toString('latin1').replace(/[\\']|[^ -~]/g, (byte) => {
    const code = byte.charCodeAt(0)
    return code === 0x5c || code === 0x27 ? `\\${byte}` : `\\x${code.toString(16).padStart(2, '0')}`
  })
  return `$'${escaped}'`
}

/** `$'...'` is the one form that shows control characters. @see bash(1), QUOTING */
function shellWord(word: string): string {
  if (/^[\w@%+:,./-][\w@%+=:,./-]*$/.test(word)) return word
  if (!/\p{C}/u.test(word)) return `'${word.replaceAll("'", `'\\''`)}'`
  const escaped = word.replace(/[\\']|\p{C}/gu, (character) => {
    if (character === '\\' || character === "'") return `\\${character}`
    if (character === '\n') return '\\n'
    return `\\U${character.codePointAt(0)?.toString(16).padStart(8, '0')}`
  })
  return `$'${escaped}'`
}
