import { resolve } from 'node:path'
import type { StoredRestoreRequest } from '../../../events/index.ts'
import { readPast } from '../../backup/past.ts'
import { isEmpty, liveRootOf } from '../../backup/restore/destination.ts'
import { proveMounted } from '../../backup/restore/in-place.ts'
import type { RestorePlan } from '../../backup/restore/make-plan.ts'
import { undoActions } from '../../backup/restore/perform.ts'
import type { Place } from '../../backup/restore/place.ts'
import { actionsJson, planJson } from '../../backup/restore/plan/plan-json.ts'
import { beyondLimit, planRequest, type Wanted } from '../../backup/restore/plan-request.ts'
import { registeredRestores } from '../../backup/restore/register.ts'
import { restoreLine } from '../../backup/restore/restore-line.ts'
import type { Config } from '../../config/config.ts'
import { CancelledError, reasonOf, TerminalError, UsageError } from '../../errors.ts'
import { createRunner, unobserved } from '../../host/command/command.ts'
import { dayOf } from '../../host/points/archive-night.ts'
import { liveRoots } from '../../host/points/live-sources.ts'
import type { RestorePoint } from '../../host/points/restore-point.ts'
import type { Owners } from '../../host/restore/owner-map.ts'
import { UndoFolder } from '../../host/restore/undo-folder.ts'
import { exitCodes, signalExitCodes } from '../exit-codes.ts'
import type { Io } from '../io.ts'
import type { Access, WhereOptions } from '../points/access.ts'
import { doRestore } from '../points/do-restore.ts'
import { openAccess } from '../points/open-access.ts'
import { actionsText, planText, strangersText } from '../points/plan-text.ts'

export interface RestoreOptions extends WhereOptions {
  at?: string
  from?: string
  to?: string
  inPlace?: boolean
  delete?: boolean
  dryRun?: boolean
  yes?: boolean
  exclude?: string[]
  owners?: Owners
  allowDeletions?: number
  undo?: string
  resume?: string
  /** False with `--no-wait`. */
  wait?: boolean
  json?: boolean
  quiet?: boolean
}

/**
 * `hdsync restore`: brings back what was at places of one source: into a new folder here, into a folder that is named, or in
 * its place. Where something is there, the plan is shown and has to be agreed to.
 * @returns As exit codes; 5 where more would be deleted than the source allows.
 */
export async function restoreCommand(words: string[], options: RestoreOptions, io: Io): Promise<number> {
  check(words, options, io)
  await using access = await openAccess({ ...options, copy: options.from }, io)
  const earlier = options.undo ?? options.resume
  if (earlier !== undefined) return await goBack(earlier, access, options, io)
  if (words.length > 0)
    return await restorePlaces(
      words.map((word) => access.place(word)),
      access,
      options,
      io,
    )
  const { leadThrough } = await import('../points/lead-through.ts')
  try {
    const { places, ...answers } = await leadThrough(access, options, newFolderFor)
    return await restorePlaces(places, access, { ...options, ...answers, isLed: true }, io)
  } catch (error) {
    if (error instanceof CancelledError) return signalExitCodes.SIGINT ?? exitCodes.failed
    throw error
  }
}

async function restorePlaces(
  places: readonly Place[],
  access: Access,
  options: RestoreOptions & { isLed?: boolean },
  io: Io,
): Promise<number> {
  const { isLed = false } = options
  if (options.inPlace && access.isThroughDaemon) {
    throw new UsageError('only root restores in place', { hint: 'into a folder of your own: --to FOLDER' })
  }
  // A mirror is not read while a sync writes it.
  if (!(await access.settle(oneSource(places), options.wait ?? true))) return exitCodes.busy
  const { point, wanted } = await whatIsWanted(places, access, options)
  if (point.damaged !== undefined) io.stderr(damageText(point, access))
  access.reader(point)
  const runner = createRunner({ observer: unobserved, signal: new AbortController().signal, owner: 'plan' })
  const { config } = access
  if (options.inPlace && config)
    await proveMounted(point.source, config, runner, (from) => recordFor(from, config))
  const given = access.isThroughDaemon ? access.reader(point) : undefined
  const plan = await planRequest(wanted, await access.here(point), access.config, runner, given)
  io.stderr(strangersText(plan))
  // The restore is a run of its own, and nothing is kept waiting by a question.
  await access.letGo()
  const beyond = beyondLimit(plan, access.config, options.allowDeletions)
  const asks = isLed || (!wanted.isNew && !options.yes)
  if (options.dryRun || (asks && plan.actions.length > 0) || beyond) show(plan, options, io)
  if (beyond) {
    io.stderr(`hdsync: ${beyond}\n  if that is as it should be: --allow-deletions ${plan.deleted.entries}\n`)
    return exitCodes.held
  }
  const looked = plan.damage === undefined ? exitCodes.succeeded : exitCodes.failed
  if (options.dryRun) return looked
  if (plan.actions.length === 0) {
    show(plan, options, io)
    return looked
  }
  if (isLed) {
    io.stdout(`The same without questions:\n  ${restoreLine(places, options)}\n`)
    const { askToRestore } = await import('../points/lead-through.ts')
    await askToRestore()
  } else if (asks && !(await agreed(options, io))) {
    throw new UsageError('this would change what is there', {
      hint: 'if the plan above is as it should be: --yes',
    })
  }
  const { allowDeletions } = options
  const request: StoredRestoreRequest = {
    do: 'restore',
    point: point.id,
    ...wanted,
    hash: plan.hash,
    ...(allowDeletions !== undefined && { allowDeletions }),
  }
  return doRestore({ source: point.source, request, plan }, access, options, io)
}

/** What is damaged may still have what is wanted: it is told, and what else there is. */
function damageText({ id, source, damaged }: RestorePoint, { points }: Access): string {
  const others = points
    .filter((one) => one.source === source && one.damaged === undefined)
    .map((one) => one.id)
  const instead =
    others.length > 0 ? `\n  not damaged, as far as is known: ${others.slice(0, 8).join(', ')}` : ''
  return `hdsync: ${id} is damaged: ${damaged}${instead}\n`
}

function check(words: readonly string[], options: RestoreOptions, io: Io): void {
  const { to, inPlace, delete: deletes, undo, resume } = options
  const earlier = [undo, resume].filter((id) => id !== undefined).length
  if (earlier > 1) throw new UsageError('it is either --undo or --resume')
  if (earlier > 0 && words.length > 0) throw new UsageError('--undo and --resume take no place')
  if (earlier > 0 && (inPlace || deletes || options.at !== undefined || options.exclude || options.owners))
    throw new UsageError('--undo and --resume take nothing that says what is restored, or how')
  if (to === '') throw new UsageError('--to names no folder')
  if (earlier === 0 && words.length === 0 && !canAsk(options, io)) {
    throw new UsageError('what is to be restored?', {
      hint: 'hdsync restore PLACE…; `hdsync backups` and `hdsync ls` tell what there is; in a terminal, `hdsync restore` alone asks',
    })
  }
  if (to !== undefined && inPlace) throw new UsageError('it is either --to or --in-place')
  if (deletes && !inPlace && to === undefined) {
    throw new UsageError('--delete is for a folder with something in it', {
      hint: 'with --in-place or --to FOLDER',
    })
  }
}

function oneSource(places: readonly Place[]): string {
  const [source = '', ...others] = new Set(places.map((place) => place.source))
  if (others.length === 0) return source
  throw new UsageError(`one source at a time: these are of ${[source, ...others].join(' and ')}`)
}

async function whatIsWanted(
  places: readonly Place[],
  access: Access,
  { at, to, inPlace, delete: deletes = false, exclude = [], owners }: RestoreOptions,
): Promise<{ point: RestorePoint; wanted: Wanted }> {
  const source = oneSource(places)
  const point = await access.point(source, at)
  const root = inPlace ? liveRootOf(source, access.config) : resolve(to ?? newFolderFor(point))
  const isNew = !inPlace && isEmpty(root)
  if (to === undefined && !inPlace && !isNew) {
    throw new UsageError(`${root} is not empty`, { hint: 'name another folder: --to FOLDER' })
  }
  const isRoot = process.geteuid?.() === 0
  return {
    point,
    wanted: {
      root,
      isNew,
      deletes,
      exclude,
      owners: owners ?? (isRoot ? 'keep' : 'me'),
      paths: places.map(({ path }) => path.toString('base64')),
    },
  }
}

/** `var-2026-11-24` here: the source, and the day of the restore point. */
function newFolderFor({ source, at }: RestorePoint): string {
  return resolve(`${source}-${dayOf(Date.parse(at))}`)
}

function show(plan: RestorePlan, { json, dryRun }: RestoreOptions, io: Io): void {
  if (json) io.stdout(`${JSON.stringify(planJson(plan))}\n`)
  else io.stdout(planText(plan, dryRun ? undefined : 20))
}

/** @throws {UsageError} The record cannot be read: a run makes it new, and a restore is safer than a backup then. */
function recordFor<T>(from: Parameters<typeof readPast<T>>[1], config: Config): T {
  try {
    return readPast(config, from)
  } catch (error) {
    throw new UsageError(reasonOf(error), {
      hint: 'whether the right disk is mounted there cannot be told; if it is, name the folder: --to FOLDER',
      cause: error,
    })
  }
}

function canAsk({ json }: RestoreOptions, io: Io): boolean {
  return !json && !io.env.CI && process.stdin.isTTY && process.stdout.isTTY
}

async function agreed(options: RestoreOptions, io: Io): Promise<boolean> {
  if (!canAsk(options, io)) return false
  const { confirm } = await import('@clack/prompts')
  return (await confirm({ message: 'Do it?', initialValue: false })) === true
}

/** Takes a restore back, or goes on with one that was cut off. */
async function goBack(id: string, access: Access, options: RestoreOptions, io: Io): Promise<number> {
  const { config } = access
  const roots = Object.values(config?.sources ?? {}).flatMap((source) =>
    liveRoots(source).map(({ at }) => at),
  )
  const known = registeredRestores(config?.state, [
    ...roots,
    ...(options.to === undefined ? [] : [resolve(options.to)]),
  ])
  const goesOn = options.resume !== undefined
  const possible = known.filter(({ record: { stage } }) =>
    goesOn ? stage === 'placing' : stage === 'placing' || stage === 'done',
  )
  const found = id === 'last' ? possible[0] : known.find(({ record }) => record.id === id)
  if (!found) {
    const ids = possible.map(({ record }) => record.id)
    throw new UsageError(
      `there is no restore ${id === 'last' ? `to ${goesOn ? 'go on with' : 'take back'}` : id}`,
      {
        hint:
          ids.length > 0
            ? `there is ${ids.slice(0, 8).join(', ')}`
            : 'what was restored into a new folder is not kept',
      },
    )
  }
  if (!possible.includes(found)) {
    const why = {
      prepared: 'has not changed anything',
      done: 'has come to its end',
      undone: 'was taken back',
    }
    const { stage } = found.record
    throw new TerminalError(`restore ${found.record.id} ${stage === 'placing' ? '' : why[stage]}`)
  }
  const { root, record } = found
  if (options.dryRun) {
    using undo = UndoFolder.open(root, record.id)
    const actions = goesOn ? undo.actions : undoActions(undo)
    io.stdout(options.json ? `${JSON.stringify(actionsJson(root, actions))}\n` : actionsText(root, actions))
    return exitCodes.succeeded
  }
  const request: StoredRestoreRequest = { do: goesOn ? 'resume' : 'undo', root, id: record.id }
  return doRestore({ source: record.source, request }, access, options, io)
}
