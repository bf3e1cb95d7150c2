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

/**
 * Keeps the first and the last lines of a stream, in about `limit` bytes, however much there is between them. What is too
 * long in a line is cut in its middle: its end tells what is wrong.
 */
export function keepEnds(limit: number) {
  const half = Math.floor(limit / 2)
  const first: string[] = []
  const last: string[] = []
  let [firstLength, lastLength, left] = [0, 0, 0]
  let rest = ''
  const cut = (text: string) =>
    text.length > lineKept ? `${text.slice(0, lineKept / 2)}…${text.slice(-lineKept / 2)}` : text
  const keep = (text: string) => {
    const line = cut(text)
    if (last.length === 0 && firstLength + line.length < half) {
      first.push(line)
      firstLength += line.length + 1
      return
    }
    last.push(line)
    lastLength += line.length + 1
    while (lastLength > half && last.length > 1) {
      lastLength -= (last.shift()?.length ?? 0) + 1
      left += 1
    }
  }
  return {
    add(chunk: Buffer) {
      const lines = (rest + chunk.toString('latin1')).split('\n')
      rest = lines.pop() ?? ''
      if (rest.length > 128 * lineKept) rest = rest.slice(0, lineKept) + rest.slice(-lineKept)
      for (const line of lines) keep(line)
    },
    text() {
      const between = left > 0 ? [`… ${left} lines left out …`] : []
      const text = [...first, ...between, ...last, cut(rest)].join('\n')
      return Buffer.from(text.replaceAll('…', ellipsis), 'latin1').toString('utf8')
    },
  }
}

const lineKept = 512
/** In bytes, as the rest is. */
const ellipsis = Buffer.from('…').toString('latin1')
