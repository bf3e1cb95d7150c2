/** Keeps the end of a stream, in at most twice `limit` bytes. */
export function keepEnd(limit: number) {
  let chunks: Buffer[] = []
  let length = 0
  return {
    add(chunk: Buffer) {
      chunks.push(chunk)
      length += chunk.length
      if (length > 2 * limit) {
        chunks = [Buffer.concat(chunks).subarray(-limit)]
        length = limit
      }
    },
    text: () => Buffer.concat(chunks).subarray(-limit).toString('utf8'),
  }
}

/** The last lines that say something, on one line. */
export function lastLines(text: string, count: number): string {
  const lines = text.split('\n').map((line) => line.trim())
  return lines.filter(Boolean).slice(-count).join('; ')
}
