import * as z from 'zod'
import { either } from './problem.ts'

// Rules on which keys go together. They run even when values of the map are wrong, so that all of its problems
// are reported in one go.

const always = {
  when: ({ value }: { value: unknown }) =>
    typeof value === 'object' && value !== null && !Array.isArray(value),
}

/** A rule on several keys of a map, of which each may be anything when the rule is asked. */
export function beside<T extends object>(rule: (map: T, context: z.RefinementCtx) => void) {
  return z.superRefine<T>(rule, always)
}

/** Refuses a map that has none, or more than one, of these keys. */
export function onlyOneOf<T extends object>(...keys: (keyof T & string)[]) {
  return z.superRefine<T>((map, { addIssue }) => {
    const given = keys.filter((key) => key in map)
    if (given.length === 1) return
    const found = given.length > 0 ? given.join(' and ') : 'neither'
    addIssue({ code: 'custom', message: `either ${either(keys)}`, params: { at: 'key', found } })
  }, always)
}

/** Refuses `key` in a map that has `other`. */
export function notBeside<T extends object>(other: keyof T & string, key: keyof T & string, hint: string) {
  return z.superRefine<T>((map, { addIssue }) => {
    if (!(other in map && key in map)) return
    const params = { at: 'key', found: 'one', hint }
    addIssue({ code: 'custom', path: [key], message: `no \`${key}\` beside \`${other}\``, params })
  }, always)
}
