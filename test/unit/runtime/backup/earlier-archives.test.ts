import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  type Envelope,
  mirrorFlush,
  mirrorSuspect,
  snapshotCleanup,
  sourceArchived,
  sourceSynced,
  syncRun,
} from '../../../../events/index.ts'
import { earlierArchives } from '../../../../runtime/backup/earlier-archives.ts'

const day = 86_400_000

/** What may come of a source in a night, as far as its mirror is concerned. */
const kinds = {
  /** The forecast found nothing. */
  unchanged: { touches: false, proves: true },
  copied: { touches: true },
  /** rsync failed, was killed, cancelled, or hdsync was: nobody knows how far it came. */
  cutOff: { touches: true },
  held: { touches: false },
  stoppedAtLimit: { touches: true },
  /** The machine went down: said by a fact of its own. */
  spoilt: { touches: true },
  /** A snapshot that overflowed, and a second copy that found nothing more to do. */
  overflowed: { touches: true },
  /** A try that copied and then failed, and another one that found nothing more to do. */
  triedTwice: { touches: true },
  /** Written by an hdsync that did not say whether anything had changed. */
  ofOlderVersion: { touches: true },
  /** It failed before it came to copying. */
  noSnapshot: { touches: false },
} as const
type Kind = keyof typeof kinds

interface Night {
  kind: Kind
  archived: 'no' | 'written' | 'ofOlderVersion'
  weekday: number
}

/** A journal, and a mirror and archives that are as the journal does not say: as they really are. */
class World {
  readonly history: Envelope[] = []
  /** What the mirror holds. */
  mirror = 0
  /** What the archive at each path holds, and which file it is. */
  readonly archives = new Map<string, { holds: number; file: string }>()
  #id = 0

  constructor(nights: readonly Night[]) {
    for (const [index, night] of nights.entries()) this.#pass(night, index * day)
  }

  #pass({ kind, archived, weekday }: Night, at: number): void {
    const put = (type: string, data: object, more: Partial<Envelope> = {}) => this.#put(at, type, data, more)
    const synced = { filesTransferred: 0, bytesTransferred: 0, filesDeleted: 0 }
    if (kinds[kind].touches) this.mirror += 1
    if (kind !== 'noSnapshot') {
      let sync = put(syncRun.type, {})
      // A store may hold nights of an older version, which told of the copy at once.
      const flushed = () =>
        weekday % 2 === 0
          ? sync.id
          : put(mirrorFlush.type, {}, { parentid: put(snapshotCleanup.type, {}, { parentid: sync.id }).id })
              .id
      if (kind === 'overflowed') {
        put(mirrorSuspect.type, { reason: 'its snapshot overflowed' })
        sync = put(syncRun.type, {}, { attempt: 2 })
        put(sourceSynced.type, { ...synced, unchanged: true }, { parentid: flushed() })
      }
      if (kind === 'unchanged')
        put(sourceSynced.type, { ...synced, unchanged: true }, { parentid: flushed() })
      if (kind === 'copied') put(sourceSynced.type, { ...synced, unchanged: false }, { parentid: flushed() })
      if (kind === 'triedTwice' || kind === 'ofOlderVersion') {
        put(sourceSynced.type, synced, { parentid: flushed() })
      }
      if (kind === 'spoilt') put(mirrorSuspect.type, { reason: 'the machine went down' })
    }
    const isSynced = ['unchanged', 'copied', 'overflowed', 'triedTwice', 'ofOlderVersion'].includes(kind)
    if (!isSynced || archived === 'no') return
    const path = `/${weekday}/var.tar.zst`
    const file = `${at} ${weekday}`
    this.archives.set(path, { holds: this.mirror, file })
    const proof = { sha256: 'a'.repeat(64), basis: 'b', file }
    put(sourceArchived.type, { path, sizeBytes: 1, ...(archived === 'written' && proof) })
  }

  #put(at: number, type: string, data: object, more: Partial<Envelope>): Envelope {
    this.#id += 1
    const event: Envelope = {
      specversion: '1.0',
      id: `${this.#id}`,
      source: '/test',
      type,
      subject: 'var',
      time: new Date(at).toISOString(),
      datacontenttype: 'application/json',
      attempt: 1,
      data: { source: 'var', ...data },
      ...more,
    }
    this.history.unshift(event)
    return event
  }
}

const night = fc.record({
  kind: fc.oneof(
    { weight: 3, arbitrary: fc.constant('unchanged' as const) },
    { weight: 2, arbitrary: fc.constantFrom(...(Object.keys(kinds) as Kind[])) },
  ),
  archived: fc.constantFrom('written' as const, 'written' as const, 'no' as const, 'ofOlderVersion' as const),
  weekday: fc.nat(6),
})
const nights = fc.array(night, { maxLength: 12 })

describe('earlierArchives()', () => {
  test('finds none but those that hold what the mirror holds, whatever has happened', () => {
    fc.assert(
      fc.property(nights, fc.nat(40), (past, kept) => {
        const world = new World(past)
        // Whatever is left of the journal: its older part is forgotten first.
        const found = earlierArchives(world.history.slice(0, kept), 0)
        for (const { path, file } of found) {
          expect(world.archives.get(path)).toEqual({ holds: world.mirror, file })
        }
        expect(new Set(found.map(({ path }) => path)).size).toBe(found.length)
      }),
      { numRuns: 2000 },
    )
  })

  test('finds the one of the last change, however many quiet nights ago', () => {
    fc.assert(
      fc.property(nights, fc.array(fc.nat(6), { maxLength: 6 }), (past, quiet) => {
        const written: Night = { kind: 'copied', archived: 'written', weekday: 0 }
        const after = quiet.map((weekday): Night => ({ kind: 'unchanged', archived: 'no', weekday }))
        const found = earlierArchives(new World([...past, written, ...after]).history, 0)
        expect(found.map(({ path }) => path)).toEqual(['/0/var.tar.zst'])
      }),
    )
  })

  test('takes no part of a journal whose newest events are missing for the whole', () => {
    const quiet: Night = { kind: 'unchanged', archived: 'written', weekday: 1 }
    const world = new World([{ kind: 'copied', archived: 'written', weekday: 0 }, quiet])
    const withoutItsSync = world.history.filter(({ type }, index) => type !== sourceSynced.type || index > 2)
    // The sync of the second night is there, and nothing that says how it ended.
    expect(earlierArchives(withoutItsSync, 0).map(({ path }) => path)).toEqual(['/1/var.tar.zst'])
  })

  test('tells when each was written, not when it was last linked', () => {
    const world = new World([{ kind: 'copied', archived: 'written', weekday: 0 }])
    expect(earlierArchives(world.history, 0)[0]?.unchangedSince).toBe('1970-01-01T00:00:00.000Z')
    const [archived] = world.history
    if (archived) Object.assign(archived.data as object, { unchangedSince: '1969-12-24T00:00:00.000Z' })
    expect(earlierArchives(world.history, 0)[0]?.unchangedSince).toBe('1969-12-24T00:00:00.000Z')
  })

  test('goes back no further than it is told to, nor past what it cannot read', () => {
    const past: Night[] = [
      { kind: 'copied', archived: 'written', weekday: 0 },
      { kind: 'unchanged', archived: 'written', weekday: 1 },
    ]
    const paths = (world: World, since = 0) => earlierArchives(world.history, since).map(({ path }) => path)
    expect(paths(new World(past))).toEqual(['/1/var.tar.zst', '/0/var.tar.zst'])
    expect(paths(new World(past), day)).toEqual(['/1/var.tar.zst'])
    const odd = new World(past)
    const [newest] = odd.history
    if (newest) newest.data = { path: 7 }
    expect(paths(odd)).toEqual([])
    const timeless = new World(past)
    const [latest] = timeless.history
    if (latest) latest.time = 'yesterday'
    expect(paths(timeless)).toEqual([])
  })
})
