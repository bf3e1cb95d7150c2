import { createHash } from 'node:crypto'
import { realpathSync } from 'node:fs'
import { rescueRoot } from '../../backup/rescue/making.ts'
import { mapDisks, needsBytes, short } from '../../backup/rescue/map-disks.ts'
import { holdRescue } from '../../backup/rescue/one-rescue.ts'
import { disksNeeded, planRescue } from '../../backup/rescue/plan.ts'
import { otherDisks } from '../../backup/rescue/same-disks.ts'
import { pickPoint } from '../../backup/restore/when.ts'
import { reasonOf, TerminalError, UsageError } from '../../errors.ts'
import { type CommandRunner, createRunner, unobserved } from '../../host/command/command.ts'
import { endOrphans } from '../../host/command/orphans.ts'
import { isInstalled } from '../../host/command/packages.ts'
import { freshDisks } from '../../host/machine/fresh-disks.ts'
import { performSteps } from '../../host/machine/perform-steps.ts'
import type { MachineRecord } from '../../host/machine/record.ts'
import { recordedMachines } from '../../host/machine/records.ts'
import { type JournalPlace, journalPlace, type RescueJournal } from '../../host/machine/rescue-journal.ts'
import { pointsOn } from '../../host/points/find-points.ts'
import type { RestorePoint } from '../../host/points/restore-point.ts'
import { shellQuote } from '../../shell-quote.ts'
import { exitCodes } from '../exit-codes.ts'
import type { Io } from '../io.ts'
import { notRoot } from '../needs-root.ts'
import { type Proposal, problemsText, proposalJson, proposalText, told } from '../view/rescue-text.ts'
import { stepText } from '../view/step-text.ts'

export interface RescueOptions {
  /** Folders of backups; a single text when it was given before the command. */
  disk?: string | string[]
  host?: string
  map?: string[]
  wipe?: string[]
  at?: string
  keyFile?: string
  execute?: boolean
  restart?: boolean
  json?: boolean
}

/** Which machine, and from what. */
interface Wanted {
  record: MachineRecord
  points: Map<string, { folder: string; point: RestorePoint }>
  folders: readonly string[]
}

/**
 * `hdsync rescue`: rebuilds a machine from its backup disk. Without `--execute` it shows the plan, as
 * commands, and does nothing.
 * @returns 1 when something prevents it or a step failed; 3 when it is done except for what is listed.
 * @throws {UsageError} A disk is not empty and was not named by `--wipe`.
 * @throws {BusyError} Another rescue is going on.
 */
export async function rescueCommand(options: RescueOptions, io: Io): Promise<number> {
  const folders = [options.disk ?? []].flat().map(existingFolder)
  const [first] = folders
  if (first === undefined)
    throw new UsageError('where are the backups?', { hint: 'hdsync rescue --disk FOLDER' })
  if (options.execute && process.geteuid?.() !== 0) {
    throw notRoot('only root may write to disks', 'rescue --execute')
  }
  const record = pickRecord(folders, options.host)
  const wanted: Wanted = { record, points: pickPoints(record, folders, options.at), folders }
  using _only = options.execute ? holdRescue() : undefined
  const place = journalPlace(first, record.host)
  const key = keyOf(wanted, options)
  const earlier = place.read()
  if (earlier && !earlier.ended && earlier.key === key && !options.restart) {
    return await goOn(earlier, place, folders, options, io)
  }
  const proposal = await propose(wanted, options)
  const { disks, plan, problems } = proposal
  if (options.json && !(options.execute && problems.length === 0)) {
    io.stdout(`${JSON.stringify(proposalJson(proposal))}\n`)
  } else if (!options.json) io.stdout(proposalText(proposal, options, io.width))
  if (problems.length > 0) return exitCodes.failed
  if (!options.execute) return exitCodes.succeeded
  proveBlank(proposal, options)
  const { steps, notes } = plan
  return await execute({ key, disks, steps, notes, done: [], ended: false }, place, options, io)
}

/** @throws {UsageError} There is none. */
function existingFolder(path: string): string {
  try {
    return realpathSync(path)
  } catch {
    throw new UsageError(`there is no folder ${path}`)
  }
}

function keyOf({ record, points }: Wanted, { map = [] }: RescueOptions): string {
  const ids = [...points.values()].map(({ point }) => point.id)
  return createHash('sha256')
    .update(JSON.stringify([record.host, record.recordedAt, map.toSorted(), ids]))
    .digest('hex')
}

/**
 * Resumes with the steps that the rescue began with: its disks are not empty any more, so a new plan would refuse them. They
 * are looked at again, as the kernel may call them otherwise since.
 */
async function goOn(
  journal: RescueJournal,
  place: JournalPlace,
  folders: readonly string[],
  options: RescueOptions,
  io: Io,
): Promise<number> {
  const { steps, done, disks, notes } = journal
  const left = steps.filter(({ id }) => !done.includes(id))
  const problems = otherDisks(journal, await freshDisks(looking(), folders, rescueRoot))
  if (!options.json) {
    io.stdout(
      `a rescue that was cut off goes on: ${done.length} of ${steps.length} steps are done (${place.path})\n`,
    )
    io.stdout(problemsText(problems))
  } else if (problems.length > 0 || !options.execute) {
    io.stdout(`${JSON.stringify({ goesOn: true, disks, problems, steps: left.map(told), notes })}\n`)
  }
  if (problems.length > 0) return exitCodes.failed
  if (options.execute) return execute(journal, place, options, io)
  if (!options.json)
    io.stdout(`# nothing has been done now; with --execute this is left:\n${left.map(stepText).join('')}`)
  return exitCodes.succeeded
}

/** For commands that change nothing. */
function looking(): CommandRunner {
  return createRunner({ observer: unobserved, signal: new AbortController().signal, owner: 'rescue' })
}

async function propose({ record, points, folders }: Wanted, options: RescueOptions): Promise<Proposal> {
  const here = await freshDisks(looking(), folders)
  const named = new Map((options.map ?? []).map(mapping))
  const { mapped, problems } = mapDisks(disksNeeded(record), here, named, (old) => needsBytes(old, record))
  const wipe = new Set((options.wipe ?? []).map((word) => `/dev/${short(word)}`))
  const plan = planRescue({
    record,
    mapped,
    wipe,
    points,
    keyFile: options.keyFile,
    udev: isInstalled('udevadm'),
  })
  const disks = mapped.map(({ old, now: { path, sizeBytes, identity } }) => ({
    old: old.path,
    now: path,
    sizeBytes,
    ...(identity && { identity }),
  }))
  return { record, disks, here, plan, problems }
}

function mapping(word: string): [string, string] {
  const [old, now, ...more] = word.split('=')
  if (!old || !now || more.length > 0) {
    throw new UsageError(`--map ${word}: it takes OLD=NEW`, {
      hint: 'hdsync rescue --disk FOLDER --map sda=vdb',
    })
  }
  return [short(old), short(now)]
}

function pickRecord(folders: readonly string[], host: string | undefined): MachineRecord {
  const found = new Map(folders.flatMap((folder) => [...recordedMachines(folder)]))
  const names = [...found.keys()]
  if (names.length === 0) {
    throw new UsageError(`no machine is recorded in ${folders.join(', ')}`, {
      hint: 'each night writes .hdsync-machine beside the mirrors; name the folder that has it',
    })
  }
  const name = host ?? (names.length === 1 ? names[0] : undefined)
  const record = name === undefined ? undefined : found.get(name)
  if (record) return record
  throw new UsageError(host === undefined ? 'which machine?' : `no machine ${host} is recorded there`, {
    hint: `--host ${names.join(', --host ')}`,
  })
}

function pickPoints(
  { sources }: MachineRecord,
  folders: readonly string[],
  at: string | undefined,
): Map<string, { folder: string; point: RestorePoint }> {
  const points = folders.flatMap((folder) => pointsOn({ target: folder, path: folder }))
  return new Map(
    sources.flatMap(({ name }) => {
      const own = points.filter(({ source }) => source === name)
      if (own.length === 0) return []
      const point = pickPoint(at, own, name, Date.now())
      return [[name, { folder: point.target, point }] as const]
    }),
  )
}

/** @throws {UsageError} A disk has a signature, and was not named. */
function proveBlank({ disks, here }: Proposal, { wipe = [] }: RescueOptions): void {
  const named = new Set(wipe.map(short))
  const full = disks.flatMap(({ now }) => {
    const found = here.find(({ path }) => path === now)
    return found && found.signatures.length > 0 && !named.has(short(now)) ? [found] : []
  })
  if (full.length === 0) return
  const told = full.map(({ path, signatures }) => `${path} has ${signatures.join(', ')} on it`)
  throw new UsageError(told.join('; '), {
    hint: `nothing was changed; if all of that may go: ${full.map(({ path }) => `--wipe ${short(path)}`).join(' ')}`,
  })
}

async function execute(
  journal: RescueJournal,
  place: JournalPlace,
  { json }: RescueOptions,
  io: Io,
): Promise<number> {
  const stop = new AbortController()
  const onSignal = () =>
    stop.abort(new TerminalError('stopped', { hint: 'the same command goes on with it' }))
  process.once('SIGINT', onSignal)
  process.once('SIGTERM', onSignal)
  const failures: string[] = []
  const owner = `rescue ${place.path}`
  const runner = createRunner({ observer: unobserved, signal: stop.signal, owner })
  try {
    await endOrphans(owner, (message) => io.stderr(`${message}\n`))
    place.write(journal)
    await performSteps(journal, {
      runner,
      place,
      owner,
      signal: stop.signal,
      hdsync: [process.execPath, ...process.argv.slice(1, 2)],
      begins: ({ why, argv }, number, of) => io.stderr(`[${number}/${of}] ${why}: ${shellQuote(argv)}\n`),
      failed: ({ why }, reason) => failures.push(`${why}: ${reason}`),
    })
  } catch (error) {
    io.stderr(`hdsync: ${reasonOf(error)}\n  when that is mended, the same command goes on where it was\n`)
    return exitCodes.failed
  } finally {
    process.off('SIGINT', onSignal)
    process.off('SIGTERM', onSignal)
  }
  const look = [...failures, ...journal.notes]
  if (json) io.stdout(`${JSON.stringify({ state: 'succeeded', failures, notes: journal.notes })}\n`)
  else
    io.stdout(
      `the machine lies in ${rescueRoot}; now look at this:\n${look.map((text) => `- ${text}\n`).join('')}`,
    )
  return failures.length > 0 ? exitCodes.degraded : exitCodes.succeeded
}
