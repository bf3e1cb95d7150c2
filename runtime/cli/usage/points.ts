import { type Command, Option } from 'commander'
import { UsageError } from '../../errors.ts'
import { type Commands, json, type Making, wholeNumber } from './making.ts'

const at = [
  '--at <when>',
  'as of when: latest, Tuesday, 2026-11-20, 2026-11-20T03:00, 3d, 2w, 6mo, or an id of `hdsync backups`',
] as const

const noWait = [
  '--no-wait',
  'leave at once, with exit code 4, where a run writes the mirror that is to be read',
] as const

const from = [
  '--from <copy>',
  'from this place alone, that has copies of archives; see `hdsync copies`',
] as const

const identity = [
  '--identity <file>',
  'an identity of age, for a copy that is encrypted; it is read, and never stored',
] as const

const allowUnencrypted = [
  '--allow-unencrypted',
  'read a copy of a vault that is not encrypted and not on record here, although copies there are',
] as const

/** The folder of backups, which may be named before the command too. */
export function diskOption(): Option {
  return new Option('--disk <folder>', 'a folder of backups, read without a config')
}

/** A vault that is read without a config, and how it is reached; they may be named before the command too. */
export function vaultOptions(): Option[] {
  return [
    new Option('--vault <address>', 'a vault, read without a config: ssh://USER@HOST[:PORT]'),
    new Option(
      '--key-file <file>',
      'the key that the vault knows the host by; /etc/hdsync/vault.key unless given',
    ),
    new Option('--known-hosts <file>', 'the keys of its host; /etc/hdsync/known_hosts unless given'),
  ]
}

const readers = {
  disk: 'it is for the commands that read backups: backups, ls, find, versions, diff, cat, restore',
  vault: 'it is for the commands that read one backup at a time: backups, ls, cat, restore',
}

/** Keeps what stands before the command from commands that would go by a config all the same. @throws {UsageError} */
export function onlyWhereRead(program: Command, command: Command): void {
  for (const [name, hint] of Object.entries(readers))
    if (program.opts()[name] !== undefined && !command.options.some(({ long }) => long === `--${name}`))
      throw new UsageError(`${command.name()} takes no --${name}`, { hint })
}

/** The commands that look into backups. */
export function pointsCommands({ command, io, done, program }: Making): Commands {
  const make: Making['command'] = (...words) => command(...words).addOption(diskOption())
  const makeOfOne: Making['command'] = (...words) =>
    vaultOptions().reduce((made, option) => made.addOption(option), make(...words))
  return {
    backups() {
      makeOfOne(
        'backups [source]',
        'list the restore points: what can be brought back, and as of when',
        'hdsync backups var',
      )
        .option(...from)
        .option(...json)
        .action(async (source, _, self: Command) =>
          done((await import('../commands/backups.ts')).backupsCommand(source, self.optsWithGlobals(), io)),
        )
    },
    ls() {
      makeOfOne(
        'ls <place>',
        'list what was there; the place is SOURCE, SOURCE:PATH, or an absolute path',
        'hdsync ls var:mail --at Tuesday\n  hdsync ls -lR /var/mail --at 3d\n  hdsync --disk /mnt/hdd1 ls var:mail',
      )
        .option(...at)
        .option(...from)
        .option(...identity)
        .option(...allowUnencrypted)
        .option('-l, --long', 'with modes, owners, sizes and times')
        .option('-R, --recursive', 'everything below it')
        .option(...noWait)
        .option(...json)
        .action(async (place, _, self: Command) =>
          done((await import('../commands/ls.ts')).lsCommand(place, self.optsWithGlobals(), io)),
        )
    },
    find() {
      make(
        'find <pattern> [source]',
        'tell where a name is or was: `*`, `?` and `[abc]` as in a shell; with a `/` it is of paths',
        "hdsync find 'invoice*.pdf' home --all",
      )
        .option(...at)
        .option('--all', 'in every restore point')
        .option(...noWait)
        .option(...json)
        .action(async (pattern, source, _, self: Command) =>
          done(
            (await import('../commands/find.ts')).findCommand(pattern, source, self.optsWithGlobals(), io),
          ),
        )
    },
    versions() {
      make(
        'versions <place>',
        'list each distinct version of what is or was there, the newest first, and how to bring it back',
        'hdsync versions /etc/fstab',
      )
        .option(...noWait)
        .option(...json)
        .action(async (place, _, self: Command) =>
          done((await import('../commands/versions.ts')).versionsCommand(place, self.optsWithGlobals(), io)),
        )
    },
    diff() {
      make(
        'diff <place>',
        'tell what was added (+), removed (-) or changed (M contents, m attributes) there',
        'hdsync diff var:mail --from Tuesday\n  hdsync diff /etc --from 2w --to live',
      )
        .requiredOption('--from <when>', 'as of when; see `hdsync ls --help`')
        .option('--to <when>', 'until when; `live`: what is there now', 'latest')
        .option(...noWait)
        .option(...json)
        .action(async (place, _, self: Command) =>
          done((await import('../commands/diff.ts')).diffCommand(place, self.optsWithGlobals(), io)),
        )
    },
    catalogue() {
      const catalogue = program
        .command('catalogue')
        .description('look after the catalogues of archives')
        .addHelpText('after', '\nExample:\n  hdsync catalogue rebuild var')
      command(
        'rebuild [source]',
        'make the catalogue of what is in the archives anew, from the archives alone',
        'hdsync catalogue rebuild\n  hdsync catalogue rebuild var',
        catalogue,
      )
        .option(...json)
        .action(async (source, options) =>
          done((await import('../commands/catalogue.ts')).rebuildCommand(source, options, io)),
        )
    },
    restore() {
      makeOfOne(
        'restore [place...]',
        'bring back what was there: into a new folder here, into --to FOLDER, or --in-place; without a place it asks',
        'hdsync restore var:mail/ann --at Tuesday\n  hdsync restore /var/mail/ann --at 3d --in-place\n  hdsync restore --undo last\n  hdsync --vault ssh://hdsync-web1@vault.example.org restore home --identity identity.txt',
      )
        .option(...at)
        .option(...from)
        .option(...identity)
        .option(...allowUnencrypted)
        .option('--to <folder>', 'into this folder, each at its path below the source')
        .option('--in-place', 'where it was; what is there is shown, and kept for `--undo`')
        .option('--delete', 'delete what was not there then, but for what is excluded from the backup')
        .option('--allow-deletions <count>', 'permit so many, beyond the limit of the source', wholeNumber)
        .option('--exclude <pattern...>', 'leave this out, as rsync has it')
        .addOption(
          new Option(
            '--owners <whose>',
            'keep: whose everything was, by number; names: by name, on a machine with other numbers; me: all yours',
          ).choices(['keep', 'names', 'me']),
        )
        .option('--dry-run', 'show all that would be done, and do nothing')
        .option('-y, --yes', 'do not ask')
        .option('--no-wait', 'leave at once, with exit code 4, where another run is going on')
        .option('--undo <id>', 'take a restore back; `last` is the newest')
        .option('--resume <id>', 'go on with a restore that was cut off; `last` is the newest')
        .option(...json)
        .option('-q, --quiet', 'print the result alone')
        .action(async (places, _, self: Command) =>
          done((await import('../commands/restore.ts')).restoreCommand(places, self.optsWithGlobals(), io)),
        )
    },
    cat() {
      makeOfOne('cat <place>', 'print a file as it was', 'hdsync cat /etc/fstab --at 2w')
        .option(...at)
        .option(...noWait)
        .option(...from)
        .option(...identity)
        .option(...allowUnencrypted)
        .action(async (place, _, self: Command) =>
          done((await import('../commands/cat.ts')).catCommand(place, self.optsWithGlobals(), io)),
        )
    },
  }
}
