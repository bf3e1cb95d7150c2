import * as z from 'zod'

// How the single values of the config are declared. The error message of each schema finishes the sentence
// "expected ..."; a hint, where there is one, travels in the issue's `params`.

/** What to do about a refused text, if one can tell. */
export type Hint = (text: string) => string | undefined

/** Text that a test accepts. */
export function text(expected: string, accepts: (text: string) => boolean, hint?: Hint) {
  return z.string({ error: expected }).superRefine((value, context) => {
    if (accepts(value)) return
    context.addIssue({ code: 'custom', message: expected, params: { hint: hint?.(value) } })
  })
}

/** Text or a number that `parse` turns into something else; `undefined` refuses it. */
export function parsed<T>(expected: string, parse: (text: string) => T | undefined, hint?: Hint) {
  return z.union([z.string(), z.number()], { error: expected }).transform((input, context) => {
    const value = parse(String(input))
    if (value !== undefined) return value
    context.addIssue({ code: 'custom', message: expected, params: { hint: hint?.(String(input)) } })
    return z.NEVER
  })
}

/** Whether a text is there, and free of control characters. */
export const isPrintable = (value: string) => /^\P{Cc}+$/u.test(value)
