import * as z from 'zod'
import { didYouMean } from '../nearest.ts'
import { describeValue, either, type Finding, formatKey, quote } from './problem.ts'

const NOUNS: Record<string, string> = {
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'a map',
  record: 'a map',
}

/** Checks a value against a schema, and tells of everything that is wrong with it. */
export function validate<T>(schema: z.ZodType<T>, value: unknown): { data?: T; findings: Finding[] } {
  const knownKeys = new Map<string, string[]>()
  const behindBadKeys: Finding[] = []
  const result = schema.safeParse(value, {
    // To compile a parser takes longer than it saves where a config is read once.
    jitless: true,
    error(issue) {
      // Only here can one see the schema behind the issue, and with it the keys that there are.
      if (issue.code === 'unrecognized_keys' && issue.inst instanceof z.ZodObject) {
        knownKeys.set(formatKey(issue.path ?? []), Object.keys(issue.inst.shape))
      }
      // zod does not look at what stands under a key that it refuses.
      if (issue.code === 'invalid_key' && issue.inst instanceof z.ZodRecord) {
        const path = issue.path ?? []
        const { findings } = validate(issue.inst.valueType as z.ZodType, valueAt(value, path))
        behindBadKeys.push(...findings.map((finding) => ({ ...finding, path: [...path, ...finding.path] })))
      }
      return expectation(issue)
    },
  })
  if (result.success) return { data: result.data, findings: [] }
  const findings = result.error.issues.flatMap((issue) => toFindings(issue, value, knownKeys))
  return { findings: [...findings, ...behindBadKeys] }
}

/** What is at a path of a value, in a few words. */
export function describeAt(value: unknown, path: readonly PropertyKey[]): string {
  const part = valueAt(value, path)
  if (path.length === 0 && part === null) return 'an empty file'
  // The address of a webhook or a check is a password in all but name.
  return path.at(-1) === 'url' && typeof part === 'string' ? 'a text (not shown)' : describeValue(part)
}

/** Finishes the sentence "expected ..." for schemas that do not say it themselves. */
function expectation(issue: z.core.$ZodRawIssue): string {
  switch (issue.code) {
    case 'invalid_type':
      return NOUNS[issue.expected] ?? issue.expected
    case 'invalid_value':
      return either(issue.values.map(String))
    case 'too_small':
      return issue.origin === 'array' ? 'a list that is not empty' : `at least ${issue.minimum}`
    case 'too_big':
      return `at most ${issue.maximum}`
    default:
      return 'another value'
  }
}

function toFindings(issue: z.core.$ZodIssue, value: unknown, knownKeys: Map<string, string[]>): Finding[] {
  const { path, message: expected } = issue
  switch (issue.code) {
    case 'unrecognized_keys': {
      const known = knownKeys.get(formatKey(path)) ?? []
      return issue.keys.map((key) => ({
        path: [...path, key],
        at: 'key',
        expected: `one of the keys ${either(known)}`,
        found: quote(key),
        hint: didYouMean(key, known),
      }))
    }
    case 'invalid_key':
      return issue.issues.map((inner) => ({
        path,
        at: 'key',
        expected: inner.message,
        found: quote(String(path.at(-1))),
        ...(inner.code === 'custom' ? inner.params : {}),
      }))
    case 'invalid_type': {
      const unquoted = issue.expected === 'string' && /number|boolean/.test(typeof valueAt(value, path))
      return [{ path, expected, hint: unquoted ? 'put it in quotes if it is meant as text' : undefined }]
    }
    case 'custom':
      return [{ path, expected, ...issue.params }]
    default:
      return [{ path, expected }]
  }
}

function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce((part, step) => (part instanceof Object ? Reflect.get(part, step) : undefined), value)
}
