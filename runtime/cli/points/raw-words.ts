import { readFileSync } from 'node:fs'

/**
 * A word of the command line as it was typed. Node reads words as UTF-8, and what is none as U+FFFD; file names may hold any
 * bytes.
 */
export function rawWord(word: string): Buffer {
  if (!word.includes('\uFFFD')) return Buffer.from(word)
  return rawWords().find((bytes) => bytes.toString() === word) ?? Buffer.from(word)
}

/** @see proc_pid_cmdline(5) */
function rawWords(): Buffer[] {
  const words: Buffer[] = []
  const line = readFileSync('/proc/self/cmdline')
  for (let from = 0, end = line.indexOf(0); end >= 0; from = end + 1, end = line.indexOf(0, from)) {
    words.push(line.subarray(from, end))
  }
  return words
}
