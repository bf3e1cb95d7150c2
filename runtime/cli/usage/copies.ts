import { type Commands, json, type Making } from './making.ts'

/** The commands about copies of archives in other places. */
export function copyCommands({ command, io, done }: Making): Commands {
  return {
    copies() {
      command(
        'copies',
        'tell which archives the other places have, and which they have not',
        'hdsync copies\n  hdsync copies --json',
      )
        .option(...json)
        .action(async (options) => done((await import('../commands/copies.ts')).copiesCommand(options, io)))
    },
    copy() {
      command(
        'copy [name...]',
        'copy to other places, or to those that are named, the archives that they have not got, the newest first',
        'hdsync copy\n  hdsync copy usb',
      )
        .option(...json)
        .option('-q, --quiet', 'print the result alone')
        .action(async (names, options) =>
          done((await import('../commands/copy.ts')).copyCommand(names, options, io)),
        )
    },
  }
}
