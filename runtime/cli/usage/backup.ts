import { type Commands, json, type Making } from './making.ts'

/** The commands that prepare a backup and make it. */
export function backupCommands({ command, io, done }: Making, version: string): Commands {
  return {
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
        .action(async (options) => done((await import('../commands/init.ts')).initCommand(options, io)))
    },
    run() {
      command('run [source...]', 'back up all sources, or those named, and follow it', 'hdsync run var home')
        .option(...json)
        .option('-q, --quiet', 'print the result alone')
        .option('--safe', 'leave out all functions of your own')
        .option(
          '--no-slot',
          'do not wait for a slot of the backup server, where this host is part of a fleet',
        )
        .action(async (sources, options) =>
          done((await import('../commands/run.ts')).runCommand(sources, options, io)),
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
          done((await import('../commands/serve.ts')).serveCommand(options, version, io)),
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
          done((await import('../commands/plan.ts')).planCommand(sources, options, io)),
        )
    },
    check() {
      command('check', 'look for everything that could go wrong tonight', 'hdsync check')
        .option('--list', 'print everything that can be found, with its id and severity')
        .option(...json)
        .action(async (options) => done((await import('../commands/check.ts')).checkCommand(options, io)))
    },
  }
}
