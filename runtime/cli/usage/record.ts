import { Option } from 'commander'
import { type Commands, json, type Making, wholeNumber } from './making.ts'

/** The commands that show what has been, and act on it. */
export function recordCommands({ command, io, done }: Making): Commands {
  return {
    runs() {
      command('runs', 'list past backups, or runs of any kind', 'hdsync runs --limit 7\n  hdsync runs --all')
        .addOption(
          new Option('-n, --limit <count>', 'how many, the newest first').default(20).argParser(wholeNumber),
        )
        .option('-a, --all', 'those of every event that came from outside or a schedule')
        .option('-k, --kind <kind>', 'those of one kind: backup, or the type of the event, such as my.go')
        .option(...json)
        .action(async (options) => done((await import('../commands/runs.ts')).runsCommand(options, io)))
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
          'show instead what a held sync would delete and change; everything that is held unless named',
        )
        .option('--names', 'with --held SOURCE: each name')
        .option(...json)
        .action(async (run, options) => {
          if (!options.held) return done((await import('../commands/show.ts')).showCommand(run, options, io))
          const id = options.held === true ? undefined : options.held
          return done((await import('../commands/held.ts')).heldCommand(id, options, io))
        })
    },
    release() {
      command(
        'release <id>',
        'let a held sync go on; the id is that of the hold or its run, or the name of the source',
        'hdsync release home\n  hdsync release --dismiss home',
      )
        .option('--dismiss', 'let it wait no more instead: nothing is deleted, and the next run looks anew')
        .option(...json)
        .option('-q, --quiet', 'print the result alone')
        .action(async (id, options) =>
          done((await import('../commands/release.ts')).releaseCommand(id, options, io)),
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
          done((await import('../commands/emit.ts')).emitCommand(type, options, io)),
        )
    },
    cancel() {
      command('cancel <run>', 'end a run before its time; `last` is the newest', 'hdsync cancel last')
        .option(...json)
        .action(async (run, options) =>
          done((await import('../commands/cancel.ts')).cancelCommand(run, options, io)),
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
        .action(async (options) => done((await import('../commands/events.ts')).eventsCommand(options, io)))
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
          done((await import('../commands/logs.ts')).logsCommand(what, options, io)),
        )
    },
    dead() {
      command('dead', 'list what was given up after all its attempts', 'hdsync dead')
        .option(...json)
        .action(async (options) => done((await import('../commands/dead.ts')).deadCommand(options, io)))
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
          done((await import('../commands/redrive.ts')).redriveCommand(id, options, io)),
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
          done((await import('../commands/why.ts')).whyCommand(source, options, io)),
        )
    },
  }
}
