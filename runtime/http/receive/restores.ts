import { isAbsolute, normalize } from 'node:path'
import * as z from 'zod'
import type { StoredRestoreRequest } from '../../../events/index.ts'
import { readByCommand } from '../../backup/copies/vault-point.ts'
import { isEmpty, liveRootOf } from '../../backup/restore/destination.ts'
import { proveMounted } from '../../backup/restore/in-place.ts'
import { knownPoints, liveSources } from '../../backup/restore/known-points.ts'
import type { RestorePlan } from '../../backup/restore/make-plan.ts'
import { type Place, placeOf } from '../../backup/restore/place.ts'
import { beyondLimit, planRequest, type Wanted } from '../../backup/restore/plan-request.ts'
import { targetsWith } from '../../backup/restore/point-named.ts'
import { pickPoint } from '../../backup/restore/when.ts'
import type { Config } from '../../config/config.ts'
import { TerminalError, UsageError } from '../../errors.ts'
import { type CommandRunner, createRunner, unobserved } from '../../host/command/command.ts'
import type { FoundPoints } from '../../host/points/configured-points.ts'
import type { RestorePoint } from '../../host/points/restore-point.ts'
import type { AppContext } from '../context.ts'
import { Problem } from '../problem.ts'
import { parseJson } from './body.ts'
import { pointerTo } from './cloudevents.ts'

const place = z.lazy(() =>
  z
    .union(
      [
        z.string().min(1),
        z.strictObject({
          place: z.string().optional().describe('The same as text, for people: not read.'),
          placeBase64: z.base64().min(1).describe('Its bytes, where they are no UTF-8.'),
        }),
      ],
      { error: 'SOURCE, SOURCE:PATH or an absolute path, or { placeBase64 } of one' },
    )
    .describe('`SOURCE`, `SOURCE:PATH`, or an absolute path of the live system.'),
)

/** What `POST /restores` takes. */
export const restoreBody = z.lazy(() =>
  z.strictObject({
    places: z.array(place).min(1).describe('What is to be brought back, all of one source.'),
    at: z
      .string()
      .optional()
      .describe('As of when, as `hdsync restore --at` takes it; the latest unless given.'),
    to: z
      .string()
      .refine(isAbsolute, 'an absolute path')
      .optional()
      .describe('The folder that it is brought to. Either this, or `inPlace`.'),
    inPlace: z.boolean().default(false).describe('Where it was.'),
    delete: z.boolean().default(false).describe('What was not there then is deleted.'),
    allowDeletions: z
      .int()
      .min(0)
      .optional()
      .describe('So many are permitted beyond the limit of the source.'),
    exclude: z.array(z.string()).default([]).describe('Patterns of what is left out, as rsync has them.'),
    owners: z
      .enum(['keep', 'names', 'me'])
      .optional()
      .describe(
        'Whose everything is: by number, by name, or hdsync’s own. `keep` unless given, where hdsync runs as root.',
      ),
    hash: z.string().optional().describe('Of the plan that is to be done; without it the plan is answered.'),
  }),
)
type RestoreBody = z.output<typeof restoreBody>

/** A restore that was asked for, and what it would do. */
export interface Asked {
  plan: RestorePlan
  /** Undefined where the plan alone is wanted. */
  agreed: { source: string; request: StoredRestoreRequest } | undefined
}

/**
 * As `readRestore`, but no more of them at once than there is room for.
 * @param signal Who hangs up waits for no plan.
 */
export async function askRestore(
  text: string,
  context: Pick<AppContext, 'config' | 'engine' | 'capacity'>,
  signal: AbortSignal,
): Promise<Asked> {
  const leave = context.capacity.plans.enter()
  try {
    const runner = createRunner({ observer: unobserved, signal, owner: 'plan' })
    return await readRestore(text, context, runner)
  } catch (error) {
    throw told(error)
  } finally {
    leave()
  }
}

/** Begins what was agreed to. @returns The run. @throws {Problem} It may not be done. */
export async function beginRestore(
  { source, request }: NonNullable<Asked['agreed']>,
  { engine }: Pick<AppContext, 'engine'>,
): Promise<string> {
  try {
    return await engine.restore(source, request)
  } catch (error) {
    throw told(error)
  }
}

function told(error: unknown): unknown {
  if (error instanceof UsageError) return new Problem('invalid-restore', error.message, { hint: error.hint })
  if (error instanceof TerminalError)
    return new Problem('cannot-restore', error.message, { hint: error.hint })
  return error
}

/**
 * Plans a restore that is asked for over HTTP, while no run changes the backups.
 * @throws {Problem} There is no such thing, it may not be done, or it is not what was shown.
 */
async function readRestore(
  text: string,
  { config, engine }: Pick<AppContext, 'config' | 'engine'>,
  runner: CommandRunner,
): Promise<Asked> {
  const body = parsedBody(text)
  const known = () => knownPoints(config, (from) => from(engine))
  const places = placesIn(body, (await known()).points, config)
  const [{ source }] = places
  const going = engine.current()
  if (going !== undefined) {
    throw new Problem('another-run', `run ${going} is going on, which may change the backups`, {
      hint: `ask again when it has ended: GET /runs/${going}`,
    })
  }
  return engine.look(targetsWith(source, config), async () => {
    const point = readable(await known(), source, body.at, config)
    if (body.inPlace) await proveMounted(source, config, runner, (from) => from(engine))
    const root = body.inPlace ? liveRootOf(source, config) : normalize(body.to ?? '')
    const wanted = wantedBy(body, root, places)
    const plan = await planRequest(wanted, point, config, runner)
    if (body.hash === undefined) return { plan, agreed: undefined }
    const beyond = beyondLimit(plan, config, body.allowDeletions)
    return { plan, agreed: { source, request: agreedTo(body, wanted, point, plan, beyond) } }
  })
}

function placesIn(
  { places }: RestoreBody,
  points: readonly RestorePoint[],
  config: Config,
): [Place, ...Place[]] {
  const sources = liveSources(points, config)
  const [first, ...others] = places.map((one) => placeOf(bytesOf(one), sources))
  if (!first) throw new UsageError('what is to be restored?')
  const names = new Set([first, ...others].map(({ source }) => source))
  if (names.size === 1) return [first, ...others]
  throw new UsageError(`one source at a time: these are of ${[...names].join(' and ')}`)
}

function readable(
  { points, absent }: FoundPoints,
  source: string,
  at: string | undefined,
  config: Config,
): RestorePoint {
  const own = points.filter((one) => one.source === source)
  const point = pickPoint(at, own, source, Date.now())
  const reason = absent.get(point.target)
  if (reason === undefined) return point
  const byCommand = readByCommand(point, config)
  if (byCommand) throw new TerminalError(byCommand.message, byCommand)
  throw new TerminalError(
    `the disk of target ${point.target}, which has ${point.id}, cannot be read: ${reason}`,
  )
}

function parsedBody(text: string): RestoreBody {
  const { data, error } = restoreBody.safeParse(parseJson(text))
  const flaws =
    error?.issues.map(({ path, message }) => ({ pointer: pointerTo('', path), detail: message })) ?? []
  if (data && (data.to === undefined) === !data.inPlace)
    flaws.push({ pointer: '/to', detail: 'either `to` or `inPlace` says where it is brought to' })
  const [first] = flaws
  if (!data || first)
    throw new Problem('invalid-restore', `${first?.pointer}: ${first?.detail}`, { errors: flaws })
  return data
}

function bytesOf(given: RestoreBody['places'][number]): Buffer {
  return typeof given === 'string' ? Buffer.from(given) : Buffer.from(given.placeBase64, 'base64')
}

function wantedBy(
  { inPlace, delete: deletes, exclude, owners }: RestoreBody,
  root: string,
  places: readonly Place[],
): Wanted {
  return {
    root,
    isNew: !inPlace && isEmpty(root),
    deletes,
    exclude,
    owners: owners ?? (process.geteuid?.() === 0 ? 'keep' : 'me'),
    paths: places.map(({ path }) => path.toString('base64')),
  }
}

/** @throws {Problem} The plan is not what was shown, or goes beyond the limit of the source. */
function agreedTo(
  { hash = '', allowDeletions }: RestoreBody,
  wanted: Wanted,
  { id }: RestorePoint,
  plan: RestorePlan,
  beyond: string | undefined,
): StoredRestoreRequest {
  if (plan.hash !== hash) {
    throw new Problem('plan-changed', 'something has changed since the plan was shown: nothing was done', {
      hint: 'ask for the plan again, without `hash`',
    })
  }
  if (beyond !== undefined) {
    throw new Problem('too-many-deletions', beyond, {
      hint: `if that is as it should be: "allowDeletions": ${plan.deleted.entries}`,
    })
  }
  return {
    do: 'restore',
    point: id,
    ...wanted,
    hash,
    ...(allowDeletions !== undefined && { allowDeletions }),
  }
}
