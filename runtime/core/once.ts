import { TerminalError } from '../errors.ts'

/**
 * Does something once for a delivery: what it has returned is kept, as JSON, and the next attempt is given that instead.
 * What throws is kept by nobody. A crash after the effect and before its result is on the disk repeats it.
 * @param name Tells what is done once from the other things that the function does once.
 * @throws {TerminalError} JSON cannot carry the result, or it takes more than 1 MiB.
 */
export type Once = <T>(name: string, does: () => T | Promise<T>) => Promise<T>

/** Where results are kept: of one delivery, by their name. `result` is JSON; null where there was none. */
export interface KeptResults {
  get(name: string): Kept | undefined | Promise<Kept | undefined>
  set(name: string, result: string | null): void | Promise<void>
}

interface Kept {
  result: string | null
}

const mostBytes = 1024 * 1024

/** `once` for one attempt. Asked for twice at the same time, something is done once too. */
export function onceWith(kept: KeptResults): Once {
  const inHand = new Map<string, Promise<unknown>>()
  const attempt = async (name: string, does: () => unknown) => {
    const known = await kept.get(name)
    if (known) return parsedOf(known)
    const result = textOf(name, await does())
    await kept.set(name, result)
    return parsedOf({ result })
  }
  return <T>(name: string, does: () => T | Promise<T>) => {
    const going = inHand.get(name) ?? attempt(String(name), does)
    inHand.set(name, going)
    const forget = () => inHand.delete(name)
    going.then(forget, forget)
    return going as Promise<T>
  }
}

/** Results that are kept as long as somebody has this. */
export function keptInMemory(known: Readonly<Record<string, unknown>> = {}): KeptResults {
  const results = new Map(Object.entries(known).map(([name, value]) => [name, textOf(name, value)]))
  return {
    get: (name) => (results.has(name) ? { result: results.get(name) ?? null } : undefined),
    set: (name, result) => void results.set(name, result),
  }
}

/** The same value comes from the first attempt and from the next. */
function parsedOf({ result }: Kept): unknown {
  return result === null ? undefined : JSON.parse(result)
}

function textOf(name: string, value: unknown): string | null {
  let text: string | undefined
  try {
    text = JSON.stringify(value)
  } catch (error) {
    throw new TerminalError(`the result of once ${name} cannot be kept as JSON: ${(error as Error).message}`)
  }
  const bytes = Buffer.byteLength(text ?? '')
  if (bytes <= mostBytes) return text ?? null
  throw new TerminalError(`the result of once ${name} has ${bytes} bytes; ${mostBytes} are the most`)
}
