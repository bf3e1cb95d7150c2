import type { Argument, Command, Option } from 'commander'
import { createProgram } from '../../../runtime/cli/program.ts'
import { manifest } from '../../build/bundle.ts'
import { bold, entry, example, heading, italic, paragraph, roff, title } from './roff.ts'

const files: [string, string][] = [
  ['/etc/hdsync/hdsync.yaml', 'The config; see hdsync.yaml(5).'],
  ['/etc/hdsync/functions', 'Functions of your own.'],
  ['/var/lib/hdsync', 'The event store: what is to be done, and the record of what was.'],
  [
    '/run/hdsync/hdsync.sock',
    'The socket of the daemon; systemd listens on it, and starts the daemon when it is needed.',
  ],
  [
    '/usr/share/doc/hdsync/docs',
    'Pages on the config, restoring, what hdsync protects from, functions of your own, and more.',
  ],
  ['/usr/share/doc/hdsync/examples/hdsync.yaml', 'A config with every key.'],
]

const units: [string, string][] = [
  [
    'hdsync-backup.timer',
    'Starts a backup of all sources every night: `systemctl enable --now hdsync-backup.timer`.',
  ],
  ['hdsync-backup.service', 'That backup; it ends as the backup ends.'],
  ['hdsync.socket', 'Waits for commands and events; enabled, it starts once there is a config.'],
  [
    'hdsync-boots.service',
    'Notes when the machine starts and is shut down in order. After anything else the next run compares contents, as a power cut may leave files with new contents and their old time.',
  ],
  [
    'hdsync-schedules.timer',
    'Starts the daemon once after each boot: from then on it is woken when the schedule of a function says so.',
  ],
  ['hdsync.service', 'The daemon. It leaves when it has had nothing to do for a minute.'],
]

const environment: [string, string][] = [
  ['HDSYNC_CONFIG', 'The config, where `--config` does not name one.'],
  ['HDSYNC_NODE', 'The Node to run on, instead of the one that comes with hdsync.'],
  ['NO_COLOR', 'Results are not coloured.'],
]

/** hdsync(8), from the commands as they are parsed. */
export function commandsManual(): string {
  let printed = ''
  const print = (text: string) => {
    printed += text
  }
  const io = { stdout: print, stderr: () => {}, colour: false, env: {} }
  const program = createProgram(manifest.version, io, () => {})
  const help = (command: Command) => {
    printed = ''
    command.outputHelp()
    return printed
  }
  const commands = visible(program).flatMap((command) => {
    const below = visible(command)
    return below.length > 0 ? below : [command]
  })
  return [
    title('hdsync', 8, manifest.version, 'System administration'),
    heading('NAME'),
    `hdsync \\- ${roff('backs up a Linux server while it runs')}\n`,
    heading('SYNOPSIS'),
    `.B hdsync\n${italic('command')} [${italic('argument')} ...] [${italic('option')} ...]\n`,
    heading('DESCRIPTION'),
    paragraph(
      'hdsync takes an LVM snapshot of each live volume, mirrors it with rsync, keeps an archive for each day of the week, and removes the snapshot again; plain directories are mirrored as they are. Every step is a small function on a durable event bus: nothing is lost by a crash, nothing is deleted on a guess, and everything that happened can be looked up.',
    ),
    paragraph(
      'Results are printed on standard output, diagnostics on standard error. Mirrors and archives are plain files: no hdsync is needed to restore from them.',
    ),
    heading('COMMANDS'),
    ...commands.map((command) => commandEntry(command, help(command))),
    heading('OPTIONS OF EVERY COMMAND'),
    ...commonOptions(commands).map(([flags, description]) => entry(bold(flags), description)),
    heading('EXIT STATUS'),
    ...exitCodes(help(program)).map(([code, meaning]) => entry(bold(code), meaning)),
    heading('FILES'),
    ...files.map(([file, text]) => entry(italic(file), text)),
    heading('UNITS'),
    ...units.map(([unit, text]) => entry(bold(unit), text)),
    heading('ENVIRONMENT'),
    ...environment.map(([name, text]) => entry(bold(name), text)),
    heading('SEE ALSO'),
    '.BR hdsync.yaml (5),\n.BR lvmsnapshot (7),\n.BR lvcreate (8),\n.BR rsync (1),\n.BR tar (1),\n.BR systemd.timer (5)\n',
  ].join('')
}

/** Those that are for people; `help` is no news. */
function visible(command: Command): Command[] {
  return command
    .createHelp()
    .visibleCommands(command)
    .filter((one) => one.name() !== 'help')
}

const inEvery = ['--config', '--debug', '--help']

function commandEntry(command: Command, help: string): string {
  const names = [command.parent?.parent ? command.parent.name() : '', command.name()].filter(Boolean)
  const words = command.registeredArguments.map((argument) => argumentWord(argument))
  const options = command.options.filter(({ long, hidden }) => !hidden && !inEvery.includes(long ?? ''))
  const [, examples] = help.split(/\nExamples?:\n/)
  return [
    `.SS ${[bold(names.join(' ')), ...words].join(' ')}\n`,
    `${roff(sentence(command.description()))}\n`,
    ...options.map((option) => entry(bold(option.flags), sentence(option.description), defaultOf(option))),
    examples ? example(examples.replace(/^ {2}/gm, '')) : '',
  ].join('')
}

function defaultOf({ defaultValue }: Option): string {
  return ['string', 'number'].includes(typeof defaultValue) ? `Default: ${defaultValue}` : ''
}

function argumentWord(argument: Argument): string {
  const name = `${italic(argument.name())}${argument.variadic ? ' ...' : ''}`
  return argument.required ? name : `[${name}]`
}

function commonOptions(commands: readonly Command[]): [string, string][] {
  const options = commands.flatMap(({ options }) => [...options])
  const find = (long: string) => options.find((option) => option.long === long)
  return [
    ...inEvery.flatMap((long): [string, string][] => {
      const option = find(long)
      return option ? [[option.flags, sentence(option.description)]] : []
    }),
    ['-h, --help', 'Print the help of the command.'],
  ]
}

/** `0 all sources good   1 a source failed` of the program's help, as pairs. */
function exitCodes(help: string): [string, string][] {
  const [, codes = ''] = help.split('Exit codes:\n')
  return [...codes.matchAll(/(\d+(?:, \d+)*) (\D+?)(?=\s{2,}\d|\n|$)/g)].map(
    ([, code = '', meaning = '']) => [code, sentence(meaning)],
  )
}

function sentence(text: string): string {
  const trimmed = text.trim()
  return `${trimmed.charAt(0).toUpperCase()}${trimmed.slice(1)}${/[.!?]$/.test(trimmed) ? '' : '.'}`
}
