/**
 * Puts off what not every process needs, such as a schema: to make one takes longer than to use it, and a start needs a
 * tenth of them.
 * @returns Makes it when called for the first time, and gives the same one ever after.
 */
export function once<T>(make: () => T): () => T {
  let made: { value: T } | undefined
  return () => {
    made ??= { value: make() }
    return made.value
  }
}
