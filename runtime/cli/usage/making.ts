import { type Command, InvalidArgumentError } from 'commander'
import type { Io } from '../io.ts'

/** What it takes to make a command: its options, and what is called. */
export interface Making {
  program: Command
  /** Makes one with the options that all have, below another one if that is given. */
  command(usage: string, description: string, example: string, parent?: Command): Command
  io: Io
  /** Told the exit code, once it is known. */
  done(exitCode: number | Promise<number>): Promise<void>
}

/** Makes each command of a group, by its name. */
export type Commands = Record<string, () => void>

export const json = ['--json', 'print the result as one line of JSON'] as const

/** Reads the value of an option. @throws {InvalidArgumentError} */
export function wholeNumber(text: string): number {
  const value = Number(text)
  if (Number.isInteger(value) && value > 0) return value
  throw new InvalidArgumentError('It takes a whole number from 1.')
}
