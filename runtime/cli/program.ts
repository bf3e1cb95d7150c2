import { accessSync, constants } from 'node:fs'
import { Command, CommanderError, Option } from 'commander'
import { exitCodes } from './exit-codes.ts'
import { type Io, processIo } from './io.ts'
import { backupCommands } from './usage/backup.ts'
import { copyCommands } from './usage/copies.ts'
import { fleetCommands } from './usage/fleet.ts'
import { functionCommands } from './usage/functions.ts'
import { keepCommands } from './usage/keep.ts'
import type { Making } from './usage/making.ts'
import { otherCommands } from './usage/other.ts'
import { pageCommands } from './usage/page.ts'
import { diskOption, onlyWhereRead, pointsCommands, vaultOptions } from './usage/points.ts'
import { proofCommands } from './usage/proof.ts'
import { recordCommands } from './usage/record.ts'
import { rescueCommands } from './usage/rescue.ts'
import { vaultCommands } from './usage/vault.ts'

const after = `
\`hdsync\` alone prints \`hdsync status\` where there is a config.

To begin:
  hdsync init      asks what to back up and to where, and writes the config
  hdsync check     everything that could go wrong tonight; \`hdsync plan\` shows the commands
  hdsync run       the first backup, now

More:
  /usr/share/doc/hdsync/docs (deploy/docs in the source), man hdsync, man hdsync.yaml

Exit codes:
  0 all sources good   1 a source failed        2 usage or config error   3 done, with warnings
  4 another run is going on   5 held, waiting for \`hdsync release\`   130, 143 cancelled by a signal`

/**
 * Runs one command of hdsync. @returns Its exit code.
 * Errors meant for people are printed in one to three lines; `--debug` shows where they came from.
 */
export async function main(argv: readonly string[], version: string, io: Io = processIo()): Promise<number> {
  let exitCode: number = exitCodes.succeeded
  const done = (code: number) => {
    exitCode = code
  }
  // What completes a command line has to know of all the others.
  const words = argv.length === 2 && (await hasConfig(io)) ? [...argv, 'status'] : argv
  const program = createProgram(version, io, done, words[2] === '__complete' ? undefined : words[2])
  try {
    await program.parseAsync([...words])
    return exitCode
  } catch (error) {
    if (error instanceof CommanderError) return await refuse(error, program, argv.slice(2), io)
    return await printError(error, argv.includes('--debug'), io)
  }
}

/** Whether there is a config that this user can read. */
async function hasConfig({ env }: Io): Promise<boolean> {
  const { configFile } = await import('../config/config-file.ts')
  try {
    accessSync(configFile({ env }), constants.R_OK)
    return true
  } catch {
    return false
  }
}

/** A command line that was not understood is answered with what is wrong, and with what leads on. */
async function refuse(
  { code, exitCode, message }: CommanderError,
  program: Command,
  words: readonly string[],
  io: Io,
): Promise<number> {
  if (exitCode === 0) return exitCodes.succeeded
  // The help of a command that has parts has been printed instead.
  if (code === 'commander.help') return exitCodes.usage
  const { leadOn } = await import('./suggestions.ts')
  const commands = new Map(
    program.commands.map((command) => [command.name(), command.commands.map((part) => part.name())] as const),
  )
  const { hint, sure } = leadOn({ code, words, commands })
  const [what = '', suggestion] = message.replace(/^error: /, '').split('\n')
  io.stderr(`hdsync: ${what}\n`)
  io.stderr(`  ${!sure && suggestion ? suggestion : hint}\n`)
  return exitCodes.usage
}

async function printError(error: unknown, debug: boolean, io: Io): Promise<number> {
  const { BusyError, HdsyncError, UsageError } = await import('../errors.ts')
  const { ConfigError } = await import('../config/problem.ts')
  const { printable } = await import('./format.ts')
  const expected = error instanceof HdsyncError || error instanceof ConfigError
  // What others have said may be part of it.
  const shown = (text: string) => text.split('\n').map(printable).join('\n')
  io.stderr(`hdsync: ${shown(error instanceof Error ? error.message : String(error))}\n`)
  if (error instanceof HdsyncError && error.hint) io.stderr(`  ${shown(error.hint)}\n`)
  if (debug && error instanceof Error) {
    for (let cause: unknown = error; cause instanceof Error; cause = cause.cause)
      io.stderr(`${cause.stack}\n`)
  } else if (!expected) {
    io.stderr('  this should not have happened; --debug shows where it came from\n')
  }
  if (error instanceof BusyError) return exitCodes.busy
  return error instanceof UsageError || error instanceof ConfigError ? exitCodes.usage : exitCodes.failed
}

/**
 * Every command with its options, as it is parsed, completed and documented.
 * @param done Told the exit code.
 * @param only The one command that is wanted, if there is one of this name: to make them all takes as long as a short one.
 */
export function createProgram(
  version: string,
  io: Io,
  done: (exitCode: number) => void,
  only?: string,
): Command {
  const program = new Command('hdsync')
    .description('Backs up a Linux server while it runs: snapshots, mirrors, weekday archives.')
    .version(version, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .helpCommand('help [command]', 'print the help of a command')
    .configureOutput({
      writeOut: io.stdout,
      writeErr: io.stderr,
      // It is told once it is known what leads on.
      outputError() {},
    })
    .showSuggestionAfterError()
    .exitOverride()
    .addOption(diskOption())
    .hook('preAction', onlyWhereRead)
    .addHelpText('after', after)

  for (const option of vaultOptions()) program.addOption(option)

  const making: Making = {
    program,
    io,
    command: (usage, description, example, parent = program) =>
      parent
        .command(usage)
        .description(description)
        .addOption(
          new Option('-c, --config <file>', 'the config; /etc/hdsync/hdsync.yaml unless given').env(
            'HDSYNC_CONFIG',
          ),
        )
        .option('--debug', 'show where an error came from')
        .addHelpText('after', `\nExample:\n  ${example}`),
    done: async (exitCode) => done(await exitCode),
  }
  const commands = {
    ...pointsCommands(making),
    ...backupCommands(making, version),
    ...keepCommands(making),
    ...proofCommands(making),
    ...copyCommands(making),
    ...vaultCommands(making),
    ...fleetCommands(making),
    ...rescueCommands(making),
    ...recordCommands(making),
    ...functionCommands(making),
    ...pageCommands(making),
    ...otherCommands(making),
  }
  const asked = only !== undefined && Object.hasOwn(commands, only) ? [only] : Object.keys(commands)
  for (const name of asked) commands[name]?.()
  return program
}
