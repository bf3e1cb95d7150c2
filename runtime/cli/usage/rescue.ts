import { type Command, Option } from 'commander'
import { type Commands, json, type Making } from './making.ts'

const collect = (value: string, before: string[] | undefined) => [...(before ?? []), value]

/** The commands that rebuild a whole machine. */
export function rescueCommands({ command, io, done }: Making): Commands {
  const disk = () =>
    new Option('--disk <folder>', 'a folder of backups; may be given several times').argParser(collect)
  return {
    rescue() {
      const rescue = command(
        'rescue',
        'rebuild a machine from its backup disk: shows the plan, and does it with --execute',
        'hdsync rescue --disk /mnt/backup\n  hdsync rescue --disk /mnt/backup --map sda=vdb --wipe vdb --execute\n  hdsync rescue sheet',
      )
        .addOption(disk())
        .option('--host <name>', 'which machine, where several are recorded')
        .option('--map <old=new>', 'which disk takes the place of an old one', collect)
        .option('--wipe <disk>', 'a disk that may lose what is on it', collect)
        .option('--at <when>', 'as of when; the newest unless given')
        .option('--key-file <file>', 'the passphrase of what is encrypted; asked for unless given')
        .option('--execute', 'do it')
        .option('--restart', 'begin again, instead of resuming one that was cut off')
        .option(...json)
        .action(async (_, self: Command) =>
          done((await import('../commands/rescue.ts')).rescueCommand(self.optsWithGlobals(), io)),
        )
      command(
        'sheet',
        'print one page for the safe: what, where, in which order',
        'hdsync rescue sheet',
        rescue,
      )
        .addOption(disk())
        .option(...json)
        .action(async (_, self: Command) =>
          done((await import('../commands/rescue-sheet.ts')).rescueSheetCommand(self.optsWithGlobals(), io)),
        )
    },
  }
}
