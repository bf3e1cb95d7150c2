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
    give() {
      command(
        'give [source...]',
        'let a vault fetch finished archives, and nothing else: the forced command of its key, see `hdsync vault add-host`',
        'restrict,command="hdsync give" ssh-ed25519 AAAA…  (in authorized_keys)',
      )
        .option('--allow-unencrypted', 'although copies of this host are encrypted elsewhere')
        .action(async (sources, options) =>
          done((await import('../commands/give.ts')).giveCommand(sources, options, io)),
        )
    },
    vault() {
      const vault = program
        .command('vault')
        .description('manage a vault: a machine that takes copies from other hosts')
        .addHelpText('after', '\nExample:\n  hdsync vault add-host web1 --key web1.pub')
      command(
        'add-host <host>',
        'make the user and the folders of a host, and the line that lets its key in; or, with `pull` in the config, the key of the vault in there',
        'hdsync vault add-host web1\n  hdsync vault add-host web1 --key web1.pub',
        vault,
      )
        .option('--key <file>', 'the public key of the host, to be let in; - for standard input')
        .option('--user <name>', 'a user that is there, instead of one that is made')
        .option(...json)
        .action(async (host, options) =>
          done((await import('../commands/vault-add-host.ts')).addHostCommand(host, options, io)),
        )
      command(
        'status [host]',
        'tell what the vault has of each host, and what is odd about it',
        'hdsync vault status\n  hdsync vault status web1 --json',
        vault,
      )
        .option(...json)
        .action(async (host, options) =>
          done((await import('../commands/vault.ts')).vaultStatusCommand(host, options, io)),
        )
      command(
        'check [host]',
        'read copies again, those first that were not read for the longest time; then remove what `keep` does not keep',
        'hdsync vault check --budget 30m\n  hdsync vault check web1 --all',
        vault,
      )
        .option('--budget <duration>', 'begin no further copy after that')
        .option('--bytes <size>', 'begin no further copy once so much is read')
        .option('--all', 'those too that were read within a week')
        .option(...json)
        .action(async (host, options) =>
          done((await import('../commands/vault.ts')).vaultCheckCommand(host, options, io)),
        )
      command(
        'pull [host]',
        'fetch from hosts what the vault has not got: those that have `pull` in the config, which the daemon fetches from by itself',
        'hdsync vault pull\n  hdsync vault pull web1 --json',
        vault,
      )
        .option(...json)
        .action(async (host, options) =>
          done((await import('../commands/vault-pull.ts')).vaultPullCommand(host, options, io)),
        )
      command(
        'trust <host>',
        'show the host keys of a host that the vault fetches from, ask, and write them down',
        'hdsync vault trust web1\n  hdsync vault trust web1 --fingerprint SHA256:…',
        vault,
      )
        .option('--fingerprint <SHA256:...>', 'take the key that has this one, and ask nothing')
        .option(...json)
        .action(async (host, options) =>
          done((await import('../commands/vault-pull.ts')).vaultTrustCommand(host, options, io)),
        )
      command(
        'release <host> [source]',
        'say that what was odd was meant: older copies go again as `keep` says',
        'hdsync vault release web1 home',
        vault,
      )
        .option(...json)
        .action(async (host, source, options) =>
          done((await import('../commands/vault.ts')).vaultReleaseCommand(host, source, options, io)),
        )
    },
  }
}
