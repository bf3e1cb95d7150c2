import type { Place } from '../../backup/restore/place.ts'
import { type Difference, differenceOf } from '../../backup/restore/versions.ts'
import { UsageError } from '../../errors.ts'
import { createRunner, unobserved } from '../../host/command/command.ts'
import type { Entry, PointReader } from '../../host/points/entry.ts'
import { jsonName } from '../../host/points/json-name.ts'
import { mirrorReader } from '../../host/points/mirror-reader.ts'
import type { RestorePoint } from '../../host/points/restore-point.ts'
import { exitCodes } from '../exit-codes.ts'
import type { Io } from '../io.ts'
import type { Access, WhereOptions } from '../points/access.ts'
import { entryJson } from '../points/entry-text.ts'
import { nameText } from '../points/names.ts'
import { notThere } from '../points/not-there.ts'
import { openAccess } from '../points/open-access.ts'

export interface DiffOptions extends WhereOptions {
  from: string
  to?: string
  json?: boolean
}

/**
 * `hdsync diff`: what has been added, removed and changed at a place from one restore point to another, or to what is there
 * now.
 * @throws {UsageError} There is no such place or restore point, or the source is not mounted.
 */
export async function diffCommand(word: string, options: DiffOptions, io: Io): Promise<number> {
  await using access = await openAccess(options, io)
  const { source, path } = access.place(word)
  const from = await access.point(source, options.from)
  const to = options.to === 'live' ? undefined : await access.point(source, options.to)
  const difference = to
    ? await pointsDifference(access, from, to, path)
    : await differenceOf(access.reader(from).entries(path), liveReader(access, source).entries(path))
  if (isNone(difference)) await proveThere(access, { source, path }, [from, to])
  if (options.json) {
    const ends = { source, from: from.id, to: to?.id ?? 'live' }
    io.stdout(`${JSON.stringify({ ...ends, ...differenceJson(difference) })}\n`)
  } else io.stdout(differenceText(difference))
  return access.exitCode(exitCodes.succeeded)
}

function isNone({ added, removed, changed }: Difference): boolean {
  return added.length + removed.length + changed.length === 0
}

/** Nothing is equal to nothing: a name that was mistyped is told. @throws {UsageError} Nothing is at the place at either end. */
async function proveThere(
  access: Access,
  place: Place,
  [from, to]: [RestorePoint, RestorePoint | undefined],
): Promise<void> {
  for (const reader of [access.reader(from), to ? access.reader(to) : liveReader(access, place.source)])
    for await (const _ of reader.entries(place.path, 0)) return
  throw notThere(place, from)
}

/** Two archives that one catalogue knows are compared by what only one of them has. */
async function pointsDifference(
  access: Access,
  from: RestorePoint,
  to: RestorePoint,
  path: Buffer,
): Promise<Difference> {
  const [known] = from.target === to.target ? await access.together([from, to]) : []
  try {
    return known?.has(from) && known.has(to)
      ? await differenceOf(known.onlyIn(from, to, path), known.onlyIn(to, from, path))
      : await differenceOf(access.reader(from).entries(path), access.reader(to).entries(path))
  } finally {
    known?.[Symbol.dispose]()
  }
}

function liveReader({ sources }: Access, source: string): PointReader {
  const root = sources.find(({ name }) => name === source)?.roots.find(({ below }) => below === '')
  if (!root) {
    throw new UsageError(`${source} is not mounted here`, {
      hint: 'mount it, or compare with a restore point: --to latest',
    })
  }
  const { signal } = new AbortController()
  return mirrorReader(root.at, createRunner({ observer: unobserved, signal, owner: 'read' }))
}

function differenceJson({ added, removed, changed }: Difference): Record<string, unknown> {
  return {
    added: added.map(entryJson),
    removed: removed.map(entryJson),
    changed: changed.map(({ before, after, what }) => ({
      ...jsonName('path', after.path),
      what,
      before: entryJson(before),
      after: entryJson(after),
    })),
  }
}

/** `+` added, `-` removed, `M` other contents, `m` other attributes; by name. */
function differenceText({ added, removed, changed }: Difference): string {
  const lines = [
    ...added.map((entry) => ({ sign: '+', entry })),
    ...removed.map((entry) => ({ sign: '-', entry })),
    ...changed.map(({ after, what }) => ({ sign: what === 'contents' ? 'M' : 'm', entry: after })),
  ]
  lines.sort((one, other) => Buffer.compare(one.entry.path, other.entry.path))
  return lines.map(({ sign, entry }) => `${sign} ${shownName(entry)}\n`).join('')
}

function shownName({ path, type }: Entry): string {
  const name = path.length === 0 ? '.' : nameText(path)
  return type === 'directory' ? `${name}/` : name
}
