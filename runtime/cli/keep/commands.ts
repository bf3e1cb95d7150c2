import type { MakeCommand, PointsCommands } from '../points/commands.ts'

const json = ['--json', 'print the result as one line of JSON'] as const

/** The commands that tell how backups stand, and that remove what is not wanted any more. */
export function keepCommands({ command, io, done }: PointsCommands): Record<string, () => void> {
  const make: MakeCommand = command
  return {
    status() {
      make('status', 'the one look: how each source stands, and what its backups take', 'hdsync status')
        .option(...json)
        .action(async (options) =>
          done(await (await import('../commands/status.ts')).statusCommand(options, io)),
        )
    },
    prune() {
      make(
        'prune',
        'remove the archives that nothing keeps any more, as each run does at its end',
        'hdsync prune --dry-run',
      )
        .option('-n, --dry-run', 'show what stays and what goes, and remove nothing')
        .option(...json)
        .action(async (options) =>
          done(await (await import('../commands/prune.ts')).pruneCommand(options, io)),
        )
    },
    forget() {
      make(
        'forget <source>',
        'remove the mirror and the archives of a source that is not in the config any more',
        'hdsync forget var --dry-run\n  hdsync forget var --yes',
      )
        .option('-n, --dry-run', 'show what is there, and remove nothing')
        .option('-y, --yes', 'remove it')
        .option(...json)
        .action(async (source, options) =>
          done(await (await import('../commands/forget.ts')).forgetCommand(source, options, io)),
        )
    },
  }
}
