import type { Command } from 'commander'
import { type Commands, json, type Making } from './making.ts'

/** The commands about copies of archives in other places. */
export function copyCommands({ command, io, done }: Making): Commands {
  return {
    copies() {
      const copies = command(
        'copies',
        'tell which archives the other places have, and which they have not',
        'hdsync copies\n  hdsync copies --json',
      )
        .option(...json)
        .action(async (options) => done((await import('../commands/copies.ts')).copiesCommand(options, io)))
      command(
        'trust <copy>',
        'show the host keys of a vault, ask, and write them down: it is known by them from then on',
        'hdsync copies trust offsite\n  hdsync copies trust offsite --fingerprint SHA256:…',
        copies,
      )
        .option('--fingerprint <SHA256:...>', 'take the key that has this one, and ask nothing')
        .option(...json)
        .action(async (name, _, self: Command) =>
          done((await import('../commands/copies-trust.ts')).trustCommand(name, self.optsWithGlobals(), io)),
        )
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
