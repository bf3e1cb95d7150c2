import type { Command, Option } from 'commander'

/** One way to go on with a command line. */
export interface Candidate {
  value: string
  description: string
}

/** What is asked for where a command line goes on. */
export type Wanted =
  | { kind: 'candidates'; candidates: Candidate[] }
  /**
   * A value of this name: that of an argument (`run.source`) or of an option (`--config`). `start` is what stands
   * before it in the same word: `--config=`.
   */
  | { kind: 'value'; name: string; given: string[]; start: string }

/**
 * What may come next, told by the program itself.
 * @param words All but the name of the program, and but the word that is being written.
 * @param current That word; empty at the beginning of one.
 */
export function wantedAfter(program: Command, words: readonly string[], current: string): Wanted {
  let command = program
  let given: string[] = []
  let pending: Option | undefined
  let onlyArguments = false
  for (const word of words) {
    if (pending) pending = undefined
    else if (word === '--') onlyArguments = true
    else if (word.startsWith('-') && !onlyArguments) pending = takingValue(command, word)
    else {
      const next = command.commands.find((one) => one.name() === word || one.aliases().includes(word))
      if (next) [command, given] = [next, []]
      else given.push(word)
    }
  }
  if (pending) return { kind: 'value', name: pending.long ?? '', given: [], start: '' }
  if (current.startsWith('-') && !onlyArguments) return optionOf(command, current)
  if (command.commands.length > 0) return candidates(commandsOf(command))
  const argument = command.registeredArguments[given.length] ?? command.registeredArguments.at(-1)
  if (!argument || (given.length >= command.registeredArguments.length && !argument.variadic))
    return candidates([])
  if (argument.argChoices) return candidates(argument.argChoices.map((value) => ({ value, description: '' })))
  return { kind: 'value', name: `${command.name()}.${argument.name()}`, given, start: '' }
}

/** @param current An option or the beginning of one, its value included if that is in the same word. */
function optionOf(command: Command, current: string): Wanted {
  const [start, name] = /^(--[^=]+)=/.exec(current) ?? []
  if (!start || !name) return candidates(optionsOf(command))
  const { long } = takingValue(command, name) ?? {}
  return long ? { kind: 'value', name: long, given: [], start } : candidates([])
}

function candidates(all: Candidate[]): Wanted {
  return { kind: 'candidates', candidates: all }
}

function takingValue(command: Command, word: string): Option | undefined {
  if (word.includes('=')) return undefined
  const option = command.options.find(({ long, short }) => word === long || word === short)
  return option && (option.required || option.optional) ? option : undefined
}

function optionsOf(command: Command): Candidate[] {
  return command
    .createHelp()
    .visibleOptions(command)
    .flatMap(({ long, description }) => (long ? { value: long, description } : []))
}

function commandsOf(command: Command): Candidate[] {
  return command
    .createHelp()
    .visibleCommands(command)
    .map((one) => ({ value: one.name(), description: one.description() }))
}
