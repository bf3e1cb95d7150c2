import { execFileSync } from 'node:child_process'
import { describe, expect, test } from 'vitest'
import { shellQuote } from '../../../runtime/shell-quote.ts'

describe('shellQuote()', () => {
  test('quotes only what a shell would take apart', () => {
    expect(shellQuote(['rsync', '--archive', '--exclude=*.tmp', '/a b/', "it's", ''])).toBe(
      `rsync --archive '--exclude=*.tmp' '/a b/' 'it'\\''s' ''`,
    )
  })

  test('gives back to a shell what it was given', () => {
    const words = [
      'a\nb',
      '$(id)',
      "'",
      '\\',
      '=x',
      '~',
      'tab\there',
      'Überraschung 日本',
      '\u001b[31m',
      "\n'\\",
    ]
    const said = execFileSync('bash', ['--norc', '-c', `printf '%s\\0' ${shellQuote(words)}`], {
      encoding: 'utf8',
      env: { LC_ALL: 'C.UTF-8' },
    })
    expect(said.split('\0').slice(0, -1)).toEqual(words)
  })

  test('shows no control character', () => {
    expect(shellQuote(['a\u001b]0;title\u0007'])).toBe(String.raw`$'a\U0000001b]0;title\U00000007'`)
  })
})
