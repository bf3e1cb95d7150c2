import { accessSync, constants, existsSync, readdirSync, realpathSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { appRoot } from '../../app-root.ts'
import type { Config } from '../../config/config.ts'
import { DEFAULT_CONFIG_FILE } from '../../config/config-file.ts'
import { loadConfig } from '../../config/load.ts'
import { CancelledError, HdsyncError, reasonOf, TerminalError, UsageError } from '../../errors.ts'
import { type CommandRunner, createRunner, unobserved } from '../../host/command/command.ts'
import { type Survey, takeSurvey } from '../../host/survey.ts'
import { socketUnit, startSocket } from '../../host/systemd/socket-unit.ts'
import { backupTimer, enableTimer, hasSystemd, timerState } from '../../host/systemd/timer.ts'
import { lackText } from '../checks/attributes.ts'
import { exitCodes, signalExitCodes } from '../exit-codes.ts'
import { painter } from '../format.ts'
import { type Choices, type Draft, defaultChoices, draft } from '../init/choices.ts'
import { documentOf } from '../init/document.ts'
import { candidateAt, withTarget } from '../init/folder.ts'
import { type Proposal, propose } from '../init/proposal.ts'
import { inTheWay, refuseExisting, writeConfig } from '../init/write.ts'
import type { Io } from '../io.ts'
import { notRoot } from '../needs-root.ts'
import { adoptTarget } from './adopt.ts'

export interface InitOptions {
  config?: string
  /** Takes the defaults instead of asking. */
  yes?: boolean
  json?: boolean
  /** A folder, a mount point or a disk for the backups. */
  target?: string
  /** `false`: the nightly timer stays as it is. */
  timer?: boolean
}

/** What stands in the way of tests: the box, and whether there is somebody to ask. */
export interface InitSurroundings {
  survey: Survey
  runner: CommandRunner
  interactive: boolean
  /** Whether the machine was booted with systemd. */
  systemd: boolean
  adopt: typeof adoptTarget
}

/** Where it is for good: the package has a link there. */
const schemaFile = realpathSync(join(appRoot, 'deploy/reference/hdsync.schema.json'))

/**
 * `hdsync init`: looks at the box, proposes what to back up and to where, asks, writes the config and adopts the
 * targets. Nothing is changed before the last question is answered; nothing is ever formatted or overwritten.
 * @throws {UsageError} There is a config already, nobody to ask, or nowhere to put backups.
 */
export async function initCommand(
  options: InitOptions,
  io: Io,
  given: Partial<InitSurroundings> = {},
): Promise<number> {
  const file = resolve(options.config || io.env.HDSYNC_CONFIG || DEFAULT_CONFIG_FILE)
  const interactive = given.interactive ?? (process.stdin.isTTY === true && process.stdout.isTTY === true)
  if (!options.json) {
    refuseExisting(file)
    if (!options.yes && !interactive) {
      throw new UsageError('init asks questions, and there is no terminal to ask them in', {
        hint: '--yes takes the defaults, --json shows them and changes nothing',
      })
    }
  }
  if (!options.json) refuseUnwritable(file)
  const runner = given.runner ?? quietRunner()
  const survey = given.survey ?? (await takeSurvey(runner).catch(refuseUser))
  const found = withWish(propose(survey, isFreePlace), survey, options.target)
  if (options.json) {
    io.stdout(`${JSON.stringify(asJson(found))}\n`)
    return exitCodes.succeeded
  }
  if (found.sources.length === 0) {
    throw new UsageError('nothing was found that could be backed up: no file system of a disk is mounted', {
      hint: 'write the config by hand: man hdsync.yaml',
    })
  }
  const systemd = given.systemd ?? hasSystemd()
  const timer = options.timer !== false && systemd && ((await timerState(runner))?.found ?? false)
  const settled = options.yes
    ? { draft: draft(found, agreed(found)), timer }
    : await settle(found, survey, file, timer).catch((error) => {
        if (error instanceof CancelledError) return undefined
        throw error
      })
  if (!settled) return signalExitCodes.SIGINT ?? exitCodes.failed
  return await carryOut(settled, file, { runner, io, systemd, adopt: given.adopt ?? adoptTarget })
}

/** Said before the questions, not after them. @throws {UsageError} This user may not make the file. */
function refuseUnwritable(file: string): void {
  if (process.geteuid?.() === 0) return
  let folder = dirname(file)
  while (!existsSync(folder)) folder = dirname(folder)
  try {
    accessSync(folder, constants.W_OK | constants.X_OK)
  } catch (error) {
    throw notRoot(`only root may write ${file}, which init makes`, 'init', error)
  }
}

/** LVM and disks are for root: what its tools say of that, nobody needs to read. */
function refuseUser(error: unknown): never {
  if (process.geteuid?.() === 0) throw error
  throw notRoot('only root may look at the disks and volumes of this machine, which init does', 'init', error)
}

/** A folder that is not there yet, or an empty one. */
function isFreePlace(path: string): boolean {
  try {
    return readdirSync(path).length === 0
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT'
  }
}

/** Commands of init are nobody's: they stand in no journal. */
function quietRunner(): CommandRunner {
  return createRunner({
    observer: unobserved,
    signal: AbortSignal.timeout(300_000),
    owner: 'init',
  })
}

function withWish(proposal: Proposal, survey: Survey, wish: string | undefined): Proposal {
  if (wish === undefined) return proposal
  const target = candidateAt(wish, proposal, survey)
  if (typeof target === 'string') throw new UsageError(`--target ${wish}: ${target}`)
  // No other disk is touched than the one that was named.
  return { ...withTarget(proposal, target), targets: [{ ...target, likely: true }] }
}

function asJson(proposal: Proposal) {
  const choices = defaultChoices(proposal)
  return {
    ...proposal,
    choices: choices ?? null,
    config: choices ? documentOf(draft(proposal, choices), schemaFile) : null,
  }
}

/** What `--yes` agrees to. */
function agreed(proposal: Proposal): Choices {
  const choices = defaultChoices(proposal)
  if (choices) return choices
  const other = proposal.targets[0]
  throw new UsageError(
    'no disk for backups was found: a mounted one, or one with a file system, that no source lies on',
    {
      hint: other
        ? `there is ${other.at} (${other.path}), which can be pulled out: --target ${other.at} takes it`
        : 'attach a disk and make a file system on it, or name a folder: --target /srv/backup',
    },
  )
}

async function settle(proposal: Proposal, survey: Survey, file: string, canTimer: boolean) {
  const { ask, askForTimer, askToWrite, cancelled } = await import('../init/ask.ts')
  const answers = await ask(proposal, (path) => candidateAt(path, proposal, survey))
  const { targets } = answers.proposal
  const target = targets.find(({ name }) => name === answers.choices.target)
  const known = target ? withTarget(answers.proposal, target) : answers.proposal
  const made = draft(known, answers.choices)
  const timer = canTimer && (await askForTimer())
  const unsaid = made.warnings.filter((warning) => !known.warnings.includes(warning))
  if (!(await askToWrite(file, documentOf(made, schemaFile), unsaid))) throw cancelled()
  return { draft: made, timer }
}

async function carryOut(
  { draft: made, timer }: { draft: Draft; timer: boolean },
  file: string,
  { runner, io, systemd, adopt }: Pick<InitSurroundings, 'runner' | 'systemd' | 'adopt'> & { io: Io },
): Promise<number> {
  const paint = painter(io.colour)
  const say = (text: string) => io.stdout(`${paint.green('✔')} ${text}\n`)
  const warn = (text: string, hint?: string) =>
    io.stdout(`${paint.yellow('!')} ${text}\n${hint ? `  → ${hint}\n` : ''}`)
  await writeConfig(file, documentOf(made, schemaFile))
  const names = made.sources.map(({ name }) => name)
  say(`${file} is written: ${names.join(', ')} to ${made.target.at}`)
  for (const text of made.warnings) warn(text)
  if (made.noArchive !== null) {
    warn(
      `no weekday archives: ${made.noArchive}`,
      `to have them, write in ${file}: archive: { target: ${made.target.name} }`,
    )
  }

  const config = await loadConfig({ path: file, env: {} })
  let good = await adoptAll(config, made, adopt, { say, warn })
  if (timer) {
    try {
      await enableTimer(runner)
      say(`${backupTimer} is enabled: every night from now on`)
    } catch (error) {
      warn(`the timer could not be enabled: ${reasonOf(error)}`, `systemctl enable --now ${backupTimer}`)
      good = false
    }
  } else if (systemd) {
    // Without the timer, which would have brought it along.
    try {
      const started = await startSocket(runner)
      if (started) say(`${socketUnit} is started: hdsync is there when it is asked for something`)
    } catch (error) {
      warn(`${socketUnit} could not be started: ${reasonOf(error)}`, `systemctl start ${socketUnit}`)
      good = false
    }
  }
  const option = file === DEFAULT_CONFIG_FILE ? '' : ` --config ${file}`
  io.stdout(`
Next:
  ${paint.bold(`hdsync check${option}`)}   everything that could go wrong tonight
  ${paint.bold(`hdsync plan${option}`)}    the exact commands, without executing one
  ${paint.bold(`hdsync run${option}`)}     the first backup, now
`)
  return good ? exitCodes.succeeded : exitCodes.failed
}

/** @returns Whether all of them are targets now. What keeps one from it is said, and the others go on. */
async function adoptAll(
  config: Config,
  made: Draft,
  adopt: typeof adoptTarget,
  { say, warn }: { say: (text: string) => void; warn: (text: string, hint?: string) => void },
): Promise<boolean> {
  let good = true
  for (const { name, at, mounted } of new Set([made.target, ...(made.archive ? [made.archive] : [])])) {
    const target = config.targets[name]
    if (!target) continue
    try {
      const names = name === made.target.name ? made.sources.map((source) => source.name) : []
      const adoption = await adopt(config, target, {
        makeFolder: !mounted,
        inspect: (path) => refuseFull(path, names),
      })
      if (!adoption) throw new TerminalError(`another hdsync is at work on ${config.state}`)
      say(`${at} is target ${name} ${adoption.isNew ? 'now' : 'already'}`)
      for (const lack of adoption.probed?.lacks ?? []) {
        warn(lackText(lack, target, adoption.probed), adoption.probed?.remedy ?? '')
      }
    } catch (error) {
      if (!(error instanceof Error)) throw error
      good = false
      const hint = error instanceof HdsyncError ? error.hint : undefined
      warn(`${at} is no target yet: ${error.message}`, hint ?? `then: hdsync target adopt ${name}`)
    }
  }
  return good
}

function refuseFull(path: string, names: readonly string[]): void {
  const folders = inTheWay(path, names)
  if (folders.length === 0) return
  throw new TerminalError(`it holds ${folders.join(', ')}, which a mirror of that name would replace`, {
    hint: 'rename the source or the folder, then `hdsync target adopt`; if they are mirrors, adopt it as it is',
  })
}
