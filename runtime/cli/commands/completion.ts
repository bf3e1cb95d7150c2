import type { Command } from 'commander'
import { filesMark, type Shell, scripts } from '../completion/scripts.ts'
import { fileValues, valuesOf } from '../completion/values.ts'
import { type Candidate, type Wanted, wantedAfter } from '../completion/words.ts'
import { exitCodes } from '../exit-codes.ts'
import type { Io } from '../io.ts'

/** `hdsync completion`: the script with which a shell completes this command line. */
export function completionCommand(shell: Shell, io: Io): number {
  io.stdout(scripts[shell])
  return exitCodes.succeeded
}

/**
 * `hdsync __complete`, which those scripts ask: a line for each way to go on, the description after a tab.
 * @param words The command line after `hdsync`; the last word is the one that is being written.
 */
export async function completeCommand(program: Command, words: readonly string[], io: Io): Promise<number> {
  const before = words.slice(0, -1)
  const current = words.at(-1) ?? ''
  const wanted = wantedAfter(program, before, current)
  if (wanted.kind === 'value' && fileValues.has(wanted.name)) io.stdout(`${filesMark}\n`)
  else {
    const all = wanted.kind === 'candidates' ? wanted.candidates : await wordsFor(wanted, before, io)
    io.stdout(
      all
        .filter(({ value }) => value.startsWith(current))
        .map(lineOf)
        .join(''),
    )
  }
  return exitCodes.succeeded
}

/** Words with the values that are not given yet. */
async function wordsFor(
  { name, given, start }: Extract<Wanted, { kind: 'value' }>,
  before: readonly string[],
  io: Io,
): Promise<Candidate[]> {
  const values = await valuesOf(name, configIn(before), io.env)
  return values
    .filter(({ value }) => !given.includes(value))
    .map(({ value, description }) => ({ value: start + value, description }))
}

function lineOf({ value, description }: Candidate): string {
  return `${value}\t${description}\n`
}

/** The config that the command line names, as the sources are those of that one. */
function configIn(words: readonly string[]): string | undefined {
  const at = words.findLastIndex((word) => word === '--config' || word === '-c')
  if (at >= 0) return words[at + 1]
  return words.findLast((word) => word.startsWith('--config='))?.slice('--config='.length)
}
