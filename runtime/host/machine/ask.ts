import type { Command } from '../command/command.ts'

/**
 * Runs a program that looks at the machine, and gives what it printed; empty where it cannot tell.
 * @param what A person's name for what it would tell.
 */
export type Ask = (command: Pick<Command, 'argv' | 'manner' | 'accept'>, what: string) => Promise<string>
