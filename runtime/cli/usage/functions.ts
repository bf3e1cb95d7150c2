import type { Command } from 'commander'
import { type Commands, json, type Making } from './making.ts'

/** The commands about functions. */
export function functionCommands({ command, io, done }: Making): Commands {
  return {
    functions() {
      const functions = command(
        'functions',
        'list the functions: what each handles, and where it was loaded from',
        'hdsync functions',
      )
        .option(...json)
        .action(async (options) =>
          done((await import('../commands/functions.ts')).functionsCommand(options, io)),
        )
      const folder = [
        '--dir <folder>',
        'the folder of functions; `functions` of the config unless given',
      ] as const
      command(
        'new <name>',
        'write a function of your own, and a test beside it',
        'hdsync functions new tell-monitor --on run.failed',
        functions,
      )
        .requiredOption('--on <event>', 'the event that it handles')
        .option(...folder)
        .option(...json)
        .action(async (name, _, self: Command) =>
          done(
            (await import('../commands/functions-new.ts')).newFunctionCommand(
              name,
              self.optsWithGlobals(),
              io,
            ),
          ),
        )
      command(
        'test [name...]',
        'run the tests of your own functions',
        'hdsync functions test tell-monitor',
        functions,
      )
        .option(...folder)
        .action(async (names, _, self: Command) =>
          done(
            (await import('../commands/functions-test.ts')).testFunctionsCommand(
              names,
              self.optsWithGlobals(),
              io,
            ),
          ),
        )
      command(
        'dev',
        'try functions while you write them: events that you type are delivered, tests run when a file changes',
        `echo 'run.warned {"reason":"test"}' | hdsync functions dev`,
        functions,
      )
        .option(...folder)
        .option(
          '--event <event>',
          '`last` on record, a file of JSON, or the id of one: delivered now, and after each change',
        )
        .option('--execute', 'do what the functions do; without it, it is only shown')
        .action(async (_, self: Command) =>
          done((await import('../commands/functions-dev.ts')).devCommand(self.optsWithGlobals(), io)),
        )
      for (const [verb, disabled, what] of [
        ['disable', true, 'deliver nothing to a function of your own any more, until it is enabled again'],
        ['enable', false, 'deliver to a function again that is disabled'],
      ] as const) {
        command(`${verb} <name>`, what, `hdsync functions ${verb} tell-monitor`, functions)
          .option(...json)
          .action(async (name, _, self: Command) =>
            done(
              (await import('../commands/functions-switch.ts')).switchFunctionCommand(
                name,
                disabled,
                self.optsWithGlobals(),
                io,
              ),
            ),
          )
      }
      command(
        'invoke <name>',
        'run one function beside the bus; its commands and host.fetch are only shown',
        `hdsync functions invoke mysql-lock --data '{"source":"var"}'`,
        functions,
      )
        .option('--data <json>', 'the data of the event')
        .option('--event <id>', 'a recorded event instead, or `last`')
        .option('--on <event>', 'which event, where it handles several')
        .option('--execute', 'do what it does')
        .option(...json)
        .action(async (name, _, self: Command) =>
          done(
            (await import('../commands/functions-invoke.ts')).invokeCommand(name, self.optsWithGlobals(), io),
          ),
        )
    },
  }
}
