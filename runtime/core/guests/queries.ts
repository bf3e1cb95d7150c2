import { readSync, writeSync } from 'node:fs'
import type { Readable, Writable } from 'node:stream'
import type { Query } from './messages.ts'

// A function reads what happened before as if it lay in its own memory (`events.ofRun(…)`), so the guest waits for each
// answer: a line of JSON out, a line of JSON back, over a socket that blocks on its side.

/** The descriptor of that socket in the guest. */
const queryDescriptor = 4

const newline = 0x0a

/** Asks the parent, and waits. @throws The parent could not say, or is gone. */
export function ask(query: Query): unknown {
  writeAll(Buffer.from(`${JSON.stringify(query)}\n`))
  const { value, error } = JSON.parse(readLine()) as { value?: unknown; error?: string }
  if (error !== undefined) throw new Error(error)
  return value
}

function writeAll(bytes: Buffer): void {
  for (let from = 0; from < bytes.length; ) from += writeSync(queryDescriptor, bytes, from)
}

function readLine(): string {
  const chunks: Buffer[] = []
  for (;;) {
    const chunk = Buffer.allocUnsafe(65_536)
    const size = readSync(queryDescriptor, chunk)
    if (size === 0) throw new Error('hdsync is gone')
    chunks.push(chunk.subarray(0, size))
    if (chunk[size - 1] === newline) return Buffer.concat(chunks).toString()
  }
}

/** Answers what the guest asks. @param answer Throws where it cannot say. */
export function answerQueries(socket: Readable & Writable, answer: (query: Query) => unknown): void {
  let text = ''
  socket.setEncoding('utf8')
  // The guest may be killed at any time.
  socket.on('error', () => {})
  socket.on('data', (chunk: string) => {
    text += chunk
    if (!text.endsWith('\n')) return
    const query = text
    text = ''
    socket.write(`${JSON.stringify(answered(query, answer))}\n`)
  })
}

function answered(text: string, answer: (query: Query) => unknown): { value?: unknown; error?: string } {
  try {
    return { value: answer(JSON.parse(text) as Query) ?? null }
  } catch (error) {
    return { error: (error as Error).message }
  }
}
