import { Option } from 'commander'
import { type Commands, json, type Making } from './making.ts'

/** The commands of a vault: a machine to which other hosts send copies of their archives. */
export function vaultCommands({ command, io, done, program }: Making): Commands {
  return {
    receive() {
      command(
        'receive <host>',
        'take copies from a host: the forced command of its key, see `hdsync vault add-host`',
        'restrict,command="hdsync receive web1" ssh-ed25519 AAAA…  (in authorized_keys)',
      )
        .addOption(new Option('--socket <path>', 'the socket of the vault’s daemon').hideHelp())
        .action(async (host, options) =>
          done((await import('../commands/receive.ts')).receiveCommand(host, options, io)),
        )
    },
    vault() {
      const vault = program
        .command('vault')
        .description('manage a vault: a machine that takes copies from other hosts')
        .addHelpText('after', '\nExample:\n  hdsync vault add-host web1 --key web1.pub')
      command(
        'add-host <host>',
        'make the user and the folders of a host, and the line that lets its key in',
        'hdsync vault add-host web1\n  hdsync vault add-host web1 --key web1.pub',
        vault,
      )
        .option('--key <file>', 'the public key of the host, to be let in; - for standard input')
        .option('--user <name>', 'a user that is there, instead of one that is made')
        .option(...json)
        .action(async (host, options) =>
          done((await import('../commands/vault-add-host.ts')).addHostCommand(host, options, io)),
        )
    },
  }
}
