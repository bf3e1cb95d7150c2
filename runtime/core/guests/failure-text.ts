import type { LoadFailure } from './messages.ts'

/** A failure to load, as a sentence. */
export function failureText({ name, file, line, column, message }: LoadFailure): string {
  const place = line === undefined ? file : `${file}:${line}${column === undefined ? '' : `:${column}`}`
  return `the function ${name} is left out, as it cannot be loaded: ${message} (${place})`
}
