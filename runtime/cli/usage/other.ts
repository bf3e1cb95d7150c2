import { Argument } from 'commander'
import { type Commands, json, type Making } from './making.ts'

/** The commands about targets, hooks and the shell. */
export function otherCommands({ command, io, done, program }: Making): Commands {
  return {
    target() {
      const target = program
        .command('target')
        .description('manage backup disks')
        .addHelpText('after', '\nExample:\n  hdsync target adopt hdd1')
      command(
        'adopt [target]',
        'mark the folder or disk of a target as the right one, and close it for all but root',
        'hdsync target adopt hdd1\n  hdsync target adopt --all',
        target,
      )
        .option(
          '--all',
          'every target of the config; those that are right already are closed, if they are open',
        )
        .option('--again', 'even if it was adopted under another name')
        .option('--take-over', 'the mirrors there are to be this host’s, whoever they belong to')
        .option(...json)
        .action(async (name, options) =>
          done((await import('../commands/target.ts')).adoptCommand(name, options, io)),
        )
    },
    completion() {
      program
        .command('completion')
        .description('print what a shell needs to complete this command line')
        .addArgument(new Argument('<shell>', 'which one').choices(['bash', 'zsh', 'fish']))
        .addHelpText('after', '\nExample:\n  hdsync completion bash > /etc/bash_completion.d/hdsync')
        .action(async (shell) =>
          done((await import('../commands/completion.ts')).completionCommand(shell, io)),
        )
    },
    __complete() {
      program
        .command('__complete [words...]', { hidden: true })
        .allowUnknownOption()
        .helpOption(false)
        .action(async (words) =>
          done((await import('../commands/completion.ts')).completeCommand(program, words, io)),
        )
    },
    notify() {
      const notify = program
        .command('notify')
        .description('try the hooks that tell of runs')
        .addHelpText('after', '\nExample:\n  hdsync notify test')
      command(
        'test [name]',
        'send a sample through each hook, or those of one name or kind, and say what came back',
        'hdsync notify test pager',
        notify,
      )
        .option(...json)
        .action(async (name, options) =>
          done((await import('../commands/notify.ts')).notifyTestCommand(name, options, io)),
        )
    },
  }
}
