import { shellQuote } from '../shell-quote.ts'

/** A command line that was refused: why, as commander has it, and the words of it. */
export interface Refused {
  /** `commander.unknownCommand` and the like. */
  code: string
  words: readonly string[]
  /** The commands that there are, each with its parts: `adopt` of `target`. */
  commands: ReadonlyMap<string, readonly string[]>
}

/**
 * The line that leads on from a command line that was refused: what does what was meant.
 * @returns Whether it answers this very guess. If not, commander's own suggestion is worth more.
 */
export function leadOn({ code, words, commands }: Refused): { hint: string; sure: boolean } {
  const [first = '', second = ''] = words
  const sure = (hint: string | undefined) => (hint === undefined ? undefined : { hint, sure: true })
  const known = commands.has(first)
  const part = commands.get(first)?.includes(second) ? `${first} ${second}` : first
  return (
    (!known && first.startsWith('-') ? sure(optionFirst(words, commands)) : undefined) ??
    (code === 'commander.unknownCommand' ? sure(known ? partOf(first) : commandFor(first)) : undefined) ??
    (code === 'commander.unknownOption' ? sure(optionFor(words)) : undefined) ??
    (code === 'commander.excessArguments' ? sure(withoutWords(first, second)) : undefined) ?? {
      hint: known ? `hdsync ${part} --help shows how it is used` : 'hdsync --help lists the commands',
      sure: false,
    }
  )
}

const run = '`hdsync run` backs up all sources now, `hdsync run SOURCE` one of them'
const past = '`hdsync runs` lists past runs, `hdsync show` tells the last one in full'
const plan = '`hdsync plan` prints the commands of a run, without executing one'
const check = '`hdsync check` looks for everything that could go wrong tonight, the config first'
const init = '`hdsync init` looks at this machine, and writes a config for it'
const cancel = '`hdsync cancel last` ends the run that is going on'
const release = '`hdsync release SOURCE` lets a held sync go on'
const follow = '`hdsync events --follow` shows what is going on'
const why = '`hdsync why SOURCE` tells why its last backup failed, and what to do'
const restore = '`hdsync backups` lists what there is, `hdsync restore PLACE` brings it back'
const tests = '`hdsync notify test` tries the hooks, `hdsync functions test` functions of your own'

/** What people type for what is called otherwise here, or is done without a command. */
const commandGuesses: Record<string, string> = {
  ...each('backup back-up start now sync go create mirror', run),
  ...each('history last log journal report', `${past}; ${follow}`),
  ...each('state stat overview summary', '`hdsync status` is the one look'),
  ...each('list', `${past}; \`hdsync functions\` lists functions, \`hdsync dead\` what was given up`),
  ...each('stop kill abort end pause', `${cancel}; systemctl stop hdsync ends the daemon`),
  ...each('recover extract unpack get search browse mount', restore),
  ...each('archive archives snapshot snapshots', `${past}; ${restore}`),
  ...each(
    'validate doctor lint diagnose health config-check',
    `${check}; \`hdsync verify\` reads backups again`,
  ),
  ...each('config configure setup install new', `${init}; ${check}`),
  ...each('dry-run dryrun simulate preview', plan),
  ...each('test', `${plan}; ${tests}`),
  ...each('tail watch follow monitor progress top', follow),
  ...each('approve allow unlock unhold continue resume confirm', release),
  ...each('retry rerun again', `\`hdsync redrive\` takes up again what was given up; ${run}`),
  ...each('explain reason error errors failure failures debug', why),
  ...each('sources', `they stand in the config; ${check}`),
  ...each('targets adopt disk disks', '`hdsync target adopt TARGET` marks a folder or disk as the right one'),
  ...each('hooks hook mail email', '`hdsync notify test` sends a sample through each hook'),
  ...each('daemon server', '`hdsync serve` is the daemon; systemctl start hdsync starts it'),
  ...each(
    'enable schedule timer cron',
    'systemctl enable --now hdsync-backup.timer makes a backup every night',
  ),
  ...each('trigger send publish event', '`hdsync emit` puts an event on the bus'),
  ...each(
    'clean cleanup gc purge expire',
    '`hdsync prune` removes the archives that nothing keeps, as each run does; what a crash has left, each start removes',
  ),
  ...each(
    'delete remove rm',
    '`hdsync forget SOURCE` removes the backups of a source that is not in the config any more',
  ),
  ...each('version', '`hdsync --version` prints it'),
}

/** The words that {@link leadOn} takes for commands of others. */
export const guessedCommands: readonly string[] = Object.keys(commandGuesses)

const optionGuesses: Record<string, string> = {
  ...each('--dry-run --dryrun --simulate --preview --what-if --test -n', plan),
  ...each('--verbose -v -vv', '`hdsync show` tells all of the last run, with its commands'),
  ...each('--force', `${release}; nothing else is held back`),
  ...each('--all', 'without names it is for all sources'),
  ...each('--follow --watch --tail', follow),
  ...each('--version -V', '`hdsync --version` prints it'),
}

function each(words: string, hint: string): Record<string, string> {
  return Object.fromEntries(words.split(' ').map((word) => [word, hint]))
}

const own = <T>(map: Record<string, T>, key: string) => (Object.hasOwn(map, key) ? map[key] : undefined)

function commandFor(word: string): string | undefined {
  return own(commandGuesses, word.toLowerCase())
}

/** `hdsync target list`: of a command that has parts. */
function partOf(command: string): string | undefined {
  if (command === 'target') return '`hdsync target adopt TARGET` marks one; `hdsync check` looks at all'
  if (command === 'notify') return '`hdsync notify test` tries all hooks, or those of one name or kind'
  return undefined
}

function optionFor([command = '', ...words]: readonly string[]): string | undefined {
  const source = words.find((word) => /^--sources?(=|$)/.test(word))
  if (source && ['run', 'plan', 'why', 'release'].includes(command))
    return `name sources without an option: hdsync ${command} SOURCE`
  return words.map((word) => own(optionGuesses, word)).find((hint) => hint !== undefined)
}

/** `hdsync -c FILE check`: an option belongs to its command, and comes after it. */
function optionFirst(words: readonly string[], commands: Refused['commands']): string | undefined {
  if (words[0] === '-v') return own(optionGuesses, '--version')
  const at = words.findIndex((word, i) => commands.has(word) && !/^(-c|--config)$/.test(words[i - 1] ?? ''))
  if (at < 0) return undefined
  const line = [...words.slice(at), ...words.slice(0, at)]
  return `options come after the command: ${shellQuote(['hdsync', ...line])}`
}

/** `hdsync functions list`: of a command that takes no words, or less of them. */
function withoutWords(command: string, word: string): string | undefined {
  switch (command) {
    case 'init':
      return `hdsync init --target ${shellQuote([word])} takes it as the place for backups`
    case 'check':
      return '`hdsync check` looks at everything, by itself'
    case 'runs':
      return '`hdsync runs` lists them by itself, `hdsync show RUN` tells one in full'
    case 'events':
      return '`hdsync events` lists them by itself; --source, --type and --run choose'
    case 'dead':
      return '`hdsync dead` lists them by itself, `hdsync redrive ID` takes one up again'
    case 'functions':
      return '`hdsync functions` lists them by itself; `hdsync functions --help` lists what else there is'
    case 'why':
    case 'release':
      return `one at a time: hdsync ${command} ${shellQuote([word])}`
    default:
      return undefined
  }
}
