const tails = new Map<string, Promise<unknown>>()

/** Runs `body` when every earlier call with the same name in this process has ended. */
export async function withLock<T>(name: string, body: () => Promise<T>): Promise<T> {
  const before = tails.get(name) ?? Promise.resolve()
  const mine = before.then(body, body)
  const tail = mine.catch(() => {})
  tails.set(name, tail)
  try {
    return await mine
  } finally {
    if (tails.get(name) === tail) tails.delete(name)
  }
}
