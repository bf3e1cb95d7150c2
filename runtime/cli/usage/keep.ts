import { type Commands, json, type Making } from './making.ts'

/** The commands that tell how backups stand, and that remove what is not wanted any more. */
export function keepCommands({ command, io, done }: Making): Commands {
  return {
    status() {
      command('status', 'the one look: how each source stands, and what its backups take', 'hdsync status')
        .option(...json)
        .action(async (options) => done((await import('../commands/status.ts')).statusCommand(options, io)))
    },
    verify() {
      command(
        'verify [source...]',
        'read backups again, and prove that they are what was written',
        'hdsync verify\n  hdsync verify var --budget 30m\n  hdsync verify --all',
      )
        .option('--budget <duration>', 'for so long at most, such as 30m; `verify.budget` unless given')
        .option('--bytes <size>', 'so much at most, such as 50G; `verify.bytes` unless given')
        .option('--all', 'everything, without limits')
        .option(...json)
        .option('-q, --quiet', 'print the result alone')
        .action(async (sources, options) =>
          done((await import('../commands/verify.ts')).verifyCommand(sources, options, io)),
        )
    },
    prune() {
      command(
        'prune',
        'remove the archives that nothing keeps any more, as each run does at its end',
        'hdsync prune --dry-run',
      )
        .option('-n, --dry-run', 'show what stays and what goes, and remove nothing')
        .option(...json)
        .action(async (options) => done((await import('../commands/prune.ts')).pruneCommand(options, io)))
    },
    forget() {
      command(
        'forget <source>',
        'remove the mirror, the archives and the catalogue of a source that is not in the config any more',
        'hdsync forget var --dry-run\n  hdsync forget var --yes',
      )
        .option('-n, --dry-run', 'show what is there, and remove nothing')
        .option('-y, --yes', 'do not ask; needed where there is no terminal')
        .option(...json)
        .action(async (source, options) =>
          done((await import('../commands/forget.ts')).forgetCommand(source, options, io)),
        )
    },
  }
}
