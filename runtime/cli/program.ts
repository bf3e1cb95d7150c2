import { Argument, Command, CommanderError, InvalidArgumentError, Option } from 'commander'
import { exitCodes } from './exit-codes.ts'
import { type Io, processIo } from './io.ts'
import { diskOption, onlyWhereRead, pointsCommands } from './points/commands.ts'

const after = `
To begin:
  hdsync init      asks what to back up and to where, and writes the config
  hdsync check     everything that could go wrong tonight; \`hdsync plan\` shows the commands
  hdsync run       the first backup, now

More:
  /usr/share/doc/hdsync/docs (deploy/docs in the source), man hdsync, man hdsync.yaml

Exit codes:
  0 all sources good   1 a source failed        2 usage or config error   3 done, with warnings
  4 another run is going on   5 held, waiting for \`hdsync release\`   130, 143 cancelled by a signal`

/**
 * Runs one command of hdsync. @returns Its exit code.
 * Errors meant for people are printed in one to three lines; `--debug` shows where they came from.
 */
export async function main(argv: readonly string[], version: string, io: Io = processIo()): Promise<number> {
  let exitCode: number = exitCodes.succeeded
  const done = (code: number) => {
    exitCode = code
  }
  // What completes a command line has to know of all the others.
  const program = createProgram(version, io, done, argv[2] === '__complete' ? undefined : argv[2])
  try {
    await program.parseAsync([...argv])
    return exitCode
  } catch (error) {
    if (error instanceof CommanderError) return await refuse(error, program, argv.slice(2), io)
    return await printError(error, argv.includes('--debug'), io)
  }
}

/** A command line that was not understood is answered with what is wrong, and with what leads on. */
async function refuse(
  { code, exitCode, message }: CommanderError,
  program: Command,
  words: readonly string[],
  io: Io,
): Promise<number> {
  if (exitCode === 0) return exitCodes.succeeded
  // The help of a command that has parts has been printed instead.
  if (code === 'commander.help') return exitCodes.usage
  const { leadOn } = await import('./suggestions.ts')
  const commands = new Map(
    program.commands.map((command) => [command.name(), command.commands.map((part) => part.name())] as const),
  )
  const { hint, sure } = leadOn({ code, words, commands })
  const [what = '', suggestion] = message.replace(/^error: /, '').split('\n')
  io.stderr(`hdsync: ${what}\n`)
  io.stderr(`  ${!sure && suggestion ? suggestion : hint}\n`)
  return exitCodes.usage
}

async function printError(error: unknown, debug: boolean, io: Io): Promise<number> {
  const { HdsyncError, UsageError } = await import('../errors.ts')
  const { ConfigError } = await import('../config/problem.ts')
  const expected = error instanceof HdsyncError || error instanceof ConfigError
  io.stderr(`hdsync: ${error instanceof Error ? error.message : String(error)}\n`)
  if (error instanceof HdsyncError && error.hint) io.stderr(`  ${error.hint}\n`)
  if (debug && error instanceof Error) {
    for (let cause: unknown = error; cause instanceof Error; cause = cause.cause)
      io.stderr(`${cause.stack}\n`)
  } else if (!expected) {
    io.stderr('  this should not have happened; --debug shows where it came from\n')
  }
  return error instanceof UsageError || error instanceof ConfigError ? exitCodes.usage : exitCodes.failed
}

/**
 * Every command with its options, as it is parsed, completed and documented.
 * @param done Told the exit code.
 * @param only The one command that is wanted, if there is one of this name: to make them all takes as long as a short one.
 */
export function createProgram(
  version: string,
  io: Io,
  done: (exitCode: number) => void,
  only?: string,
): Command {
  const program = new Command('hdsync')
    .description('Backs up a Linux server while it runs: snapshots, mirrors, weekday archives.')
    .version(version, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .helpCommand('help [command]', 'print the help of a command')
    .configureOutput({
      writeOut: io.stdout,
      writeErr: io.stderr,
      // It is told once it is known what leads on.
      outputError() {},
    })
    .showSuggestionAfterError()
    .exitOverride()
    .addOption(diskOption())
    .hook('preAction', onlyWhereRead)
    .addHelpText('after', after)

  const command = (usage: string, description: string, example: string, parent = program) =>
    parent
      .command(usage)
      .description(description)
      .addOption(
        new Option('-c, --config <file>', 'the config; /etc/hdsync/hdsync.yaml unless given').env(
          'HDSYNC_CONFIG',
        ),
      )
      .option('--debug', 'show where an error came from')
      .addHelpText('after', `\nExample:\n  ${example}`)
  const json = ['--json', 'print the result as one line of JSON'] as const

  const commands: Record<string, () => void> = {
    ...pointsCommands({ command, io, done }),
    init() {
      command(
        'init',
        'look at this machine, and write a config for it',
        'hdsync init\n  hdsync init --yes --target /mnt/backup',
      )
        .option('-y, --yes', 'take the defaults instead of asking')
        .option('-t, --target <place>', 'the folder or disk for the backups')
        .option('--no-timer', 'leave the nightly timer as it is')
        .option('--json', 'print the proposal as one line of JSON, and change nothing')
        .action(async (options) => done(await (await import('./commands/init.ts')).initCommand(options, io)))
    },
    run() {
      command('run [source...]', 'back up all sources, or those named, and follow it', 'hdsync run var home')
        .option(...json)
        .option('-q, --quiet', 'print the result alone')
        .action(async (sources, options) =>
          done(await (await import('./commands/run.ts')).runCommand(sources, options, io)),
        )
    },
    serve() {
      command(
        'serve',
        'the daemon: takes events over a socket and HTTP, and does what they ask for',
        'hdsync serve',
      )
        .option(
          '--exit-when-idle <duration>',
          'leave when nothing has been going on for so long, such as 60s',
        )
        .action(async (options) =>
          done(await (await import('./commands/serve.ts')).serveCommand(options, version, io)),
        )
    },
    plan() {
      command(
        'plan [source...]',
        'print the commands that a run would execute, without executing one',
        'hdsync plan var',
      )
        .option(...json)
        .action(async (sources, options) =>
          done(await (await import('./commands/plan.ts')).planCommand(sources, options, io)),
        )
    },
    check() {
      command('check', 'look for everything that could go wrong tonight', 'hdsync check')
        .option('--list', 'print everything that can be found, with its id and severity')
        .option(...json)
        .action(async (options) =>
          done(await (await import('./commands/check.ts')).checkCommand(options, io)),
        )
    },
    runs() {
      command('runs', 'list past backups, or runs of any kind', 'hdsync runs --limit 7\n  hdsync runs --all')
        .addOption(
          new Option('-n, --limit <count>', 'how many, the newest first').default(20).argParser(wholeNumber),
        )
        .option('-a, --all', 'those of every event that came from outside or a schedule')
        .option('-k, --kind <kind>', 'those of one kind: backup, or the type of the event, such as my.go')
        .option(...json)
        .action(async (options) => done(await (await import('./commands/runs.ts')).runsCommand(options, io)))
    },
    show() {
      command(
        'show [run]',
        'show a run as a tree of events, attempts and commands; the last one unless named',
        'hdsync show last',
      )
        .option('--no-commands', 'leave out the commands')
        .option('--commands', 'have them in the JSON too')
        .option(
          '--held [source]',
          'show instead what a held sync would delete; everything that is held unless named',
        )
        .option('--names', 'with --held SOURCE: each name')
        .option(...json)
        .action(async (run, options) => {
          if (!options.held)
            return done(await (await import('./commands/show.ts')).showCommand(run, options, io))
          const id = options.held === true ? undefined : options.held
          return done(await (await import('./commands/held.ts')).heldCommand(id, options, io))
        })
    },
    release() {
      command(
        'release <id>',
        'let a held sync go on; the id is that of the hold or its run, or the name of the source',
        'hdsync release home',
      )
        .option(...json)
        .option('-q, --quiet', 'print the result alone')
        .action(async (id, options) =>
          done(await (await import('./commands/release.ts')).releaseCommand(id, options, io)),
        )
    },
    emit() {
      command(
        'emit <type>',
        'put an event on the bus',
        `hdsync emit backup.start --data '{"sources":["var"]}'`,
      )
        .option('-d, --data <json>', 'what it carries; {} unless given')
        .option('-s, --subject <subject>', 'what it is about')
        .option('--id <id>', 'its own id: the same one twice is taken once')
        .option('--deliver', 'have hooks hear of it at once where there is no daemon; no run begins')
        .option(...json)
        .action(async (type, options) =>
          done(await (await import('./commands/emit.ts')).emitCommand(type, options, io)),
        )
    },
    cancel() {
      command('cancel <run>', 'end a run before its time; `last` is the newest', 'hdsync cancel last')
        .option(...json)
        .action(async (run, options) =>
          done(await (await import('./commands/cancel.ts')).cancelCommand(run, options, io)),
        )
    },
    events() {
      command(
        'events',
        'list what was put on the bus, the newest last',
        "hdsync events --type 'snapshot.*' --since 2d",
      )
        .option('-t, --type <glob...>', 'of these types; `*` stands for any text')
        .option('-r, --run <run>', 'of this run: its id or the beginning of it, or `last`')
        .addOption(new Option('-s, --source <name>', 'about this source'))
        .addOption(new Option('--since <time>', 'since so long ago (2h), or since a day or time'))
        .addOption(
          new Option('-n, --limit <count>', 'how many; 50 unless given, 10 with --follow').argParser(
            wholeNumber,
          ),
        )
        .option('-f, --follow', 'go on with what comes, until Ctrl-C')
        .option('--json', 'print each event as a line of JSON')
        .action(async (options) =>
          done(await (await import('./commands/events.ts')).eventsCommand(options, io)),
        )
    },
    logs() {
      command(
        'logs [run-or-function]',
        'show what functions said, and why attempts failed, the newest last',
        'hdsync logs tell-monitor --follow',
      )
        .addOption(new Option('--since <time>', 'since so long ago (2h), or since a day or time'))
        .addOption(
          new Option('-n, --limit <count>', 'how many; 50 unless given, 10 with --follow').argParser(
            wholeNumber,
          ),
        )
        .option('-f, --follow', 'go on with what comes, until Ctrl-C')
        .option('--json', 'print each line as a line of JSON')
        .action(async (what, options) =>
          done(await (await import('./commands/logs.ts')).logsCommand(what, options, io)),
        )
    },
    dead() {
      command('dead', 'list what was given up after all its tries', 'hdsync dead')
        .option(...json)
        .action(async (options) => done(await (await import('./commands/dead.ts')).deadCommand(options, io)))
    },
    redrive() {
      command(
        'redrive [id]',
        'take up again what was given up; the id is its number in `hdsync dead`',
        'hdsync redrive 4000',
      )
        .option('-a, --all', 'all there are')
        .option(...json)
        .option('-q, --quiet', 'print the result alone')
        .action(async (id, options) =>
          done(await (await import('./commands/redrive.ts')).redriveCommand(id, options, io)),
        )
    },
    why() {
      command(
        'why <source>',
        'tell why the last backup of a source failed or is degraded, and what to do',
        'hdsync why var',
      )
        .option(...json)
        .action(async (source, options) =>
          done(await (await import('./commands/why.ts')).whyCommand(source, options, io)),
        )
    },
    functions() {
      const functions = command(
        'functions',
        'list the functions: what each handles, and where it was loaded from',
        'hdsync functions',
      )
        .option(...json)
        .action(async (options) =>
          done(await (await import('./commands/functions.ts')).functionsCommand(options, io)),
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
            await (await import('./commands/functions-new.ts')).newFunctionCommand(
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
            await (await import('./commands/functions-test.ts')).testFunctionsCommand(
              names,
              self.optsWithGlobals(),
              io,
            ),
          ),
        )
      command(
        'invoke <name>',
        'run one function beside the bus; its commands are only shown',
        `hdsync functions invoke mysql-lock --data '{"source":"var"}'`,
        functions,
      )
        .option('--data <json>', 'the data of the event')
        .option('--event <id>', 'a recorded event instead, or `last`')
        .option('--on <event>', 'which event, where it handles several')
        .option('--execute', 'run its commands')
        .option(...json)
        .action(async (name, _, self: Command) =>
          done(
            await (await import('./commands/functions-invoke.ts')).invokeCommand(
              name,
              self.optsWithGlobals(),
              io,
            ),
          ),
        )
    },
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
          done(await (await import('./commands/target.ts')).adoptCommand(name, options, io)),
        )
    },
    completion() {
      program
        .command('completion')
        .description('print what a shell needs to complete this command line')
        .addArgument(new Argument('<shell>', 'which one').choices(['bash', 'zsh', 'fish']))
        .addHelpText('after', '\nExample:\n  hdsync completion bash > /etc/bash_completion.d/hdsync')
        .action(async (shell) =>
          done((await import('./commands/completion.ts')).completionCommand(shell, io)),
        )
    },
    __complete() {
      program
        .command('__complete [words...]', { hidden: true })
        .allowUnknownOption()
        .helpOption(false)
        .action(async (words) =>
          done(await (await import('./commands/completion.ts')).completeCommand(program, words, io)),
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
          done(await (await import('./commands/notify.ts')).notifyTestCommand(name, options, io)),
        )
    },
  }
  const asked = only !== undefined && Object.hasOwn(commands, only) ? [only] : Object.keys(commands)
  for (const name of asked) commands[name]?.()
  return program
}

function wholeNumber(text: string): number {
  const value = Number(text)
  if (Number.isInteger(value) && value > 0) return value
  throw new InvalidArgumentError('It takes a whole number from 1.')
}
