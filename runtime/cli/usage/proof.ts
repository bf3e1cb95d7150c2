import { type Commands, json, type Making } from './making.ts'

/** The commands that prove that what is backed up can be brought back. */
export function proofCommands({ command, io, done }: Making): Commands {
  return {
    drill() {
      command(
        'drill [source]',
        'restore a sample of each source into the scratch folder, compare it with what was recorded, and remove it',
        'hdsync drill\n  hdsync drill var --whole',
      )
        .option('--whole', 'restore all of it, not a sample')
        .option(...json)
        .option('-q, --quiet', 'print the result alone')
        .action(async (source, options) =>
          done((await import('../commands/drill.ts')).drillCommand(source, options, io)),
        )
    },
  }
}
