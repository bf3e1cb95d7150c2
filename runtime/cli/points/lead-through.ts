import { resolve } from 'node:path'
import {
  autocompleteMultiselect,
  CANCEL_SYMBOL,
  cancel,
  confirm,
  intro,
  log,
  select,
  text,
} from '@clack/prompts'
import { isEmpty, liveRootOf } from '../../backup/restore/destination.ts'
import type { Place } from '../../backup/restore/place.ts'
import { pointTime } from '../../backup/restore/when.ts'
import { count, counted } from '../../count.ts'
import { CancelledError, UsageError } from '../../errors.ts'
import type { RestorePoint } from '../../host/points/restore-point.ts'
import { localMinute } from '../../instant.ts'
import { formatBytes } from '../../units.ts'
import type { Access } from './access.ts'
import { nameText } from './names.ts'
import { offeredPoints, offeredText } from './offered-points.ts'
import { type Offered, Search } from './search.ts'

/** What may have been said on the command line: it is not asked for. */
export interface Said {
  at?: string
  to?: string
  inPlace?: boolean
  delete?: boolean
}

/** What was answered. */
export interface Led extends Said {
  places: Place[]
  /** The id of a restore point. */
  at: string
}

/**
 * Asks in the terminal what is to be restored, as of when, and where to. Nothing is changed.
 * @param newFolder The folder that a restore point goes into unless another one is named.
 * @throws {CancelledError} Ctrl-C or Escape.
 * @throws {UsageError} There is nothing to restore.
 */
export async function leadThrough(
  access: Access,
  said: Said,
  newFolder: (point: RestorePoint) => string,
): Promise<Led> {
  if (access.points.length === 0) {
    throw new UsageError('there are no restore points yet', { hint: 'hdsync backups tells what there is' })
  }
  intro('hdsync restore')
  const source = await askForSource(access)
  const point =
    said.at === undefined ? await askForPoint(access, source) : await access.point(source, said.at)
  const chosen = await askForFiles(access, point)
  const places = chosen.length > 0 ? chosen.map(({ path }) => ({ source, path })) : [wholeOf(source)]
  const hasFolder = chosen.length === 0 || chosen.some(({ type }) => type === 'directory')
  const where = await askForPlace(access, point, said, newFolder(point))
  const deletes = said.delete ?? (where.isNew || !hasFolder ? false : await askForDeletion())
  const { isNew: _, ...rest } = where
  return { places, at: point.id, ...rest, ...(deletes && { delete: true }) }
}

/** Whether the plan that was shown is to be done. */
export async function askToRestore(): Promise<void> {
  if (!(await answer(confirm({ message: 'Do it?', initialValue: false })))) throw cancelled()
}

const wholeOf = (source: string): Place => ({ source, path: Buffer.alloc(0) })

async function askForSource({ points }: Access): Promise<string> {
  const bySource = [...Map.groupBy(points, ({ source }) => source)]
  const [first, ...others] = bySource
  if (first && others.length === 0) {
    log.step(`Source ${first[0]}`)
    return first[0]
  }
  return await answer(
    select({
      message: 'What of?',
      options: bySource.map(([source, [newest, ...older]]) => ({
        value: source,
        label: source,
        hint: `${counted(older.length + 1, 'restore point')}${newest ? `, the newest of ${pointTime(newest.at)}` : ''}`,
      })),
      maxItems: 10,
    }),
  )
}

async function askForPoint(access: Access, source: string): Promise<RestorePoint> {
  const offered = await offeredPoints(access, source)
  const at = await answer(
    select({
      message: 'As of when? What changed is since the line below.',
      options: offered.map((one, n) => ({ value: n, label: offeredText(one) })),
      maxItems: 12,
    }),
  )
  const { point } = offered[at] ?? {}
  if (!point) throw cancelled()
  return point
}

/** More can be found by typing more. */
const mostShown = 300
const all = -1

/** @returns Nothing for the whole source. */
async function askForFiles(access: Access, point: RestorePoint): Promise<Offered[]> {
  const search = new Search(await entriesOf(access, point))
  const whole = { value: all, label: `everything: ${count(search.entries.length)} entries` }
  let typed: string | undefined
  let offered: { value: number; label: string; hint?: string }[] = []
  const marked = await answer(
    autocompleteMultiselect<number>({
      message: 'Which files? Type a part of a name to search; what is marked stays marked.',
      options() {
        const now = this.userInput.trim()
        if (now === typed) return offered
        typed = now
        const found = search.find(now, mostShown)
        // While nothing is typed, what is marked is seen.
        const kept = now === '' ? (this.selectedValues as number[]).filter((n) => n !== all) : []
        const shown = [...kept, ...found.filter((n) => !kept.includes(n))]
        offered = [
          ...(now === '' ? [whole] : []),
          ...shown.map((n) => ({ value: n, ...shownAs(search.entries[n] as Offered) })),
        ]
        return offered
      },
      // They are searched above.
      filter: () => true,
      maxItems: 12,
      required: true,
    }),
  )
  if (marked.includes(all)) return []
  const chosen = marked.map((n) => search.entries[n] as Offered)
  log.info(chosen.map(({ path }) => nameText(path)).join('\n'))
  return chosen
}

async function entriesOf(access: Access, point: RestorePoint): Promise<Offered[]> {
  const reader = access.reader(point)
  if (!(await reader.isIndexed())) log.step(`Reading ${point.path}, which takes a while …`)
  const entries: Offered[] = []
  for await (const { path, type, sizeBytes, mtimeNs } of reader.entries())
    if (path.length > 0) entries.push({ path, type, sizeBytes, mtimeNs })
  return entries.sort((one, other) => Buffer.compare(one.path, other.path))
}

function shownAs({ path, type, sizeBytes, mtimeNs }: Offered): { label: string; hint: string } {
  const time = localMinute(Number(mtimeNs / 1_000_000n))
  return {
    label: `${nameText(path)}${type === 'directory' ? '/' : ''}`,
    hint: type === 'file' ? `${formatBytes(sizeBytes)}, ${time}` : `${type}, ${time}`,
  }
}

async function askForPlace(
  access: Access,
  point: RestorePoint,
  { to, inPlace }: Said,
  fresh: string,
): Promise<{ to?: string; inPlace?: boolean; isNew: boolean }> {
  if (inPlace) return { inPlace: true, isNew: false }
  if (to !== undefined) return { to, isNew: isEmpty(resolve(to)) }
  const live = liveRoot(access, point.source)
  const isFree = isEmpty(fresh)
  const place = await answer(
    select({
      message: 'Where to?',
      options: [
        {
          value: 'new',
          label: `a new folder: ${fresh}`,
          ...(!isFree && { hint: 'it is not empty', disabled: true }),
        },
        ...(live === undefined
          ? []
          : [{ value: 'live', label: `where it was: ${live}`, hint: 'can be undone' }]),
        { value: 'other', label: 'another folder …' },
      ],
    }),
  )
  if (place === 'new') return { isNew: true }
  if (place === 'live') return { inPlace: true, isNew: false }
  const folder = await answer(
    text({
      message: 'Which folder?',
      placeholder: `/srv/${point.source}`,
      validate: (value) => (value?.trim() ? undefined : 'name a folder'),
    }),
  )
  return { to: folder.trim(), isNew: isEmpty(resolve(folder.trim())) }
}

function liveRoot({ config }: Access, source: string): string | undefined {
  try {
    return liveRootOf(source, config)
  } catch {
    return undefined
  }
}

async function askForDeletion(): Promise<boolean> {
  return await answer(
    confirm({ message: 'Delete what was not there then? The plan names it first.', initialValue: false }),
  )
}

async function answer<T>(asked: Promise<T | typeof CANCEL_SYMBOL>): Promise<T> {
  const given = await asked
  if (given !== CANCEL_SYMBOL) return given as T
  throw cancelled()
}

function cancelled(): CancelledError {
  cancel('Nothing was changed.')
  return new CancelledError('the restore was cancelled: nothing was changed')
}
