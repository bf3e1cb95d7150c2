import type { Command } from '../command/command.ts'

/**
 * Runs a program that looks at the machine, and gives what it printed; empty where it cannot tell.
 * @param what What it would tell, in words for a person.
 */
export type Ask = (command: Pick<Command, 'argv' | 'manner' | 'accept'>, what: string) => Promise<string>
