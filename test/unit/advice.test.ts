import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Command } from 'commander'
import { describe, expect, test } from 'vitest'
import * as z from 'zod'
import { createProgram } from '../../runtime/cli/program.ts'
import { configSchema } from '../../runtime/config/schema.ts'

// What messages and pages advise has to be there: commands with their options, and values of the config.

const root = join(import.meta.dirname, '../..')
// What people type wrongly stands in one file, which has a test of its own.
const files = globSync(
  [
    '{runtime,functions,events}/**/*.ts',
    'README.md',
    'deploy/{docs,examples,systemd,bin}/**/*',
    'deploy/debian/p*',
  ],
  { cwd: root },
).filter((file) => !file.endsWith('/suggestions.ts'))
const texts = files.flatMap((file) => {
  try {
    return [{ file, text: readFileSync(join(root, file), 'utf8') }]
  } catch {
    return []
  }
})

const program = createProgram('1', { stdout() {}, stderr() {}, colour: false, env: {} }, () => {})

/** Command lines as they are advised: in backticks or quotes, behind a colon or an arrow, at a prompt. */
const adviceOfCommands = texts.flatMap(({ file, text }) =>
  [...text.matchAll(/(?:[`'"(]|: |→ |; |\$ |# |then )hdsync ([^`'"\n\\;|)→]*)/g)].map(([, line = '']) => ({
    file,
    line: line.trim(),
  })),
)

/** What of a command line there is not; undefined if all is there. */
function unknownIn(line: string): string | undefined {
  const words = line
    .replaceAll(/(\w?)\$\{[^}]*\}?/g, (_, before) => before || 'X')
    .split(/[\s,]+/)
    .filter(Boolean)
  let command: Command = program
  for (const word of words) {
    // Standard input, in the place of an argument.
    if (word === '-' && command.registeredArguments.length > 0) continue
    if (word.startsWith('-')) {
      const name = word.replace(/[=:.?].*$/, '')
      const known = [...command.options, ...program.options].flatMap(({ short, long }) => [short, long])
      if (!known.includes(name) && !['--help', '-h'].includes(name)) return word
      continue
    }
    const part = command.commands.find((one) => one.name() === word)
    if (part) command = part
    else if (command === program || (command.commands.length > 0 && !command.options.length)) return word
  }
  return undefined
}

describe('a command that is advised', () => {
  test('is found where there is one', () => {
    const lines = adviceOfCommands.map(({ line }) => line.replace(/ \$\{.*/, ''))
    expect(lines.length).toBeGreaterThan(80)
    expect(lines).toEqual(expect.arrayContaining(['run', 'runs', 'check', 'target adopt']))
  })

  test('is there, with its options', () => {
    // Prose, not a command line: `hdsync begins with a new store`, or the mark of a file, `hdsync 1`.
    const prose =
      /^(?:\d+$|(?:\w+s|or|and|as|at|alone|that|would|cannot|can|need|into|on|itself|may|might|must|does|will|should|could|did) )/
    const commands = new Set(program.commands.map((command) => command.name()))
    const isProse = (line: string) => prose.test(line) && !commands.has(line.split(' ')[0] ?? '')
    const wrong = adviceOfCommands
      .filter(({ line }) => line !== '' && !isProse(line))
      .flatMap(({ file, line }) => {
        const unknown = unknownIn(line)
        return unknown === undefined ? [] : [`${file}: hdsync ${line}: ${unknown}`]
      })
    expect(wrong).toEqual([])
  })
})

/** The values that keys of the config choose among. */
function* choices(schema: z.core.$ZodType, key: string): Generator<[key: string, values: string[]]> {
  if (schema instanceof z.ZodEnum) yield [key, schema.options.map(String)]
  if (schema instanceof z.ZodLazy) yield* choices(schema.def.getter(), key)
  const def = schema._zod.def as unknown as Record<string, unknown>
  for (const [name, part] of Object.entries((def.shape ?? {}) as Record<string, z.core.$ZodType>))
    yield* choices(part, name)
  for (const name of ['innerType', 'in', 'element', 'valueType'])
    if (def[name]) yield* choices(def[name] as z.core.$ZodType, key)
}

describe('a value of the config that is advised', () => {
  // Two keys of one name may differ in what they take.
  const chosen = new Map<string, string[]>()
  for (const [key, values] of choices(configSchema, '')) {
    chosen.set(key, [...(chosen.get(key) ?? []), ...values])
  }

  test('is one of those that there are', () => {
    expect([...chosen.keys()]).toEqual(expect.arrayContaining(['onTimeout', 'compression', 'security']))
    const wrong = texts.flatMap(({ file, text }) =>
      [...chosen].flatMap(([key, values]) =>
        // In a text: elsewhere it is code.
        [...text.matchAll(new RegExp(`[\`'"][^\`'"\\n)]*\\b${key}: ([a-z][a-z-]*)`, 'g'))]
          .filter(([, value = '']) => !values.includes(value))
          .map(([found]) => `${file}: ${found}`),
      ),
    )
    expect(wrong).toEqual([])
  })
})
