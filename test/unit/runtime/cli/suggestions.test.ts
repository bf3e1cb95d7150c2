import { describe, expect, test } from 'vitest'
import { createProgram, main } from '../../../../runtime/cli/program.ts'
import { guessedCommands } from '../../../../runtime/cli/suggestions.ts'

/** What a person sees who types this, and the exit code. */
async function typed(...words: string[]): Promise<{ said: string; exitCode: number }> {
  let said = ''
  const write = (text: string) => {
    said += text
  }
  const io = { stdout: write, stderr: write, colour: false, env: { HDSYNC_CONFIG: '/nowhere/hdsync.yaml' } }
  const exitCode = await main(['node', 'hdsync', ...words], '1.2.3', io)
  return { said, exitCode }
}

// Messages are written out in full, so that whoever changes one sees how it reads.
const run = '`hdsync run` backs up all sources now, `hdsync run SOURCE` one of them'
const past = '`hdsync runs` lists past runs, `hdsync show` tells the last one in full'
const plan = '`hdsync plan` prints the commands of a run, without executing one'
const check = '`hdsync check` looks for everything that could go wrong tonight, the config first'
const guesses: [line: string, said: string][] = [
  ['-c X check', "unknown option '-c'\n  options come after the command: hdsync check -c X"],
  [
    '--config=X run var',
    "unknown option '--config=X'\n  options come after the command: hdsync run var --config=X",
  ],
  ['-c run run', "unknown option '-c'\n  options come after the command: hdsync run -c run"],
  ['--json runs', "unknown option '--json'\n  options come after the command: hdsync runs --json"],
  ['--foo', "unknown option '--foo'\n  hdsync --help lists the commands"],
  ['run --dry-run', `unknown option '--dry-run'\n  ${plan}`],
  ['run -n', `unknown option '-n'\n  ${plan}`],
  ['run --source var', "unknown option '--source'\n  name sources without an option: hdsync run SOURCE"],
  ['validate', `unknown command 'validate'\n  ${check}; \`hdsync verify\` reads backups again`],
  [
    'functions list',
    "too many arguments for 'functions'. Expected 0 arguments but got 1: list.\n  `hdsync functions` lists them by itself; `hdsync functions --help` lists what else there is",
  ],
  [
    'target list',
    "unknown command 'list'\n  `hdsync target adopt TARGET` marks one; `hdsync check` looks at all",
  ],
  [
    'notify list',
    "unknown command 'list'\n  `hdsync notify test` tries all hooks, or those of one name or kind",
  ],
  ['backup', `unknown command 'backup'\n  ${run}`],
  ['start', `unknown command 'start'\n  ${run}`],
  ['history', `unknown command 'history'\n  ${past}; \`hdsync events --follow\` shows what is going on`],
  ['state', "unknown command 'state'\n  `hdsync status` is the one look"],
  [
    'test',
    `unknown command 'test'\n  ${plan}; \`hdsync notify test\` tries the hooks, \`hdsync functions test\` functions of your own`,
  ],
  [
    'stop',
    "unknown command 'stop'\n  `hdsync cancel last` ends the run that is going on; systemctl stop hdsync ends the daemon",
  ],
  [
    'recover var',
    "unknown command 'recover'\n  `hdsync backups` lists what there is, `hdsync restore PLACE` brings it back",
  ],
  ['-v', "unknown option '-v'\n  `hdsync --version` prints it"],
  ['version', "unknown command 'version'\n  `hdsync --version` prints it"],
  [
    'init /mnt',
    "too many arguments for 'init'. Expected 0 arguments but got 1: /mnt.\n  hdsync init --target /mnt takes it as the place for backups",
  ],
  ['chek', "unknown command 'chek'\n  (Did you mean check?)"],
  ['run --jsn', "unknown option '--jsn'\n  (Did you mean --json?)"],
  ['why', "missing required argument 'source'\n  hdsync why --help shows how it is used"],
  [
    'functions new',
    "required option '--on <event>' not specified\n  hdsync functions new --help shows how it is used",
  ],
]

describe('a command line that is not understood leads on, and ends with 2', () => {
  test.each(guesses)('hdsync %s', async (line, said) => {
    expect(await typed(...line.split(' '))).toEqual({ said: `hdsync: ${said}\n`, exitCode: 2 })
  })

  test('one of a name in Object.prototype', async () => {
    expect((await typed('constructor')).said).toBe(
      "hdsync: unknown command 'constructor'\n  hdsync --help lists the commands\n",
    )
  })

  test('no guess is a command that there is', () => {
    const io = { stdout() {}, stderr() {}, colour: false, env: {} }
    const commands = createProgram('1', io, () => {}).commands.map((command) => command.name())
    expect(guessedCommands.filter((word) => commands.includes(word))).toEqual([])
  })

  test('help and a version are no errors', async () => {
    expect((await typed('--version')).exitCode).toBe(0)
    expect((await typed('run', '--help')).exitCode).toBe(0)
    expect(await typed('--help')).toEqual({ said: expect.stringContaining('hdsync init'), exitCode: 0 })
    expect(await typed('target')).toEqual({ said: expect.stringContaining('adopt'), exitCode: 2 })
  })
})
