import type { DatabaseSync } from 'node:sqlite'
import {
  catalogue,
  mirrorSuspect,
  readStored,
  runDegraded,
  runSucceeded,
  sourceSynced,
} from '../../../events/index.ts'
import { openHold } from '../../backup/holds/holds.ts'
import { openUnusualOf } from '../../backup/mirror/unusual.ts'
import type { Config, Source } from '../../config/config.ts'
import { SqliteBus } from '../../core/bus/sqlite/bus.ts'
import { inMemory } from '../../core/bus/sqlite/database.ts'
import { SqliteJournal } from '../../core/bus/sqlite/journal.ts'
import { heldLists } from '../../host/mirror/held-lists.ts'
import { formatDuration } from '../../units.ts'
import { heldText, unusualText } from '../../why-held.ts'
import { localTime } from '../format.ts'
import { type Finding, warning } from './finding.ts'

/** What earlier nights left to be done, as the event store tells. */
export function checkHistory(
  { sources, alert, state }: Config,
  database: DatabaseSync,
  now: number,
): Finding[] {
  const bus = new SqliteBus(database, inMemory)
  const newest = (types: readonly string[], subject?: string) =>
    bus.events({ types, newestFirst: true, limit: 1, ...(subject !== undefined && { subject }) })[0]
  const begun = bus.events({ limit: 1 })[0]
  return [
    ...Object.values(sources).flatMap((source) => [
      ...checkHeld(source),
      ...checkUnusual(source),
      ...checkSuspect(source),
      ...checkAge(source),
    ]),
    ...checkDead(database, Date.parse(newest([runSucceeded.type, runDegraded.type])?.time ?? '') || 0),
  ]

  function checkHeld({ name }: Source): Finding[] {
    const hold = openHold({ bus, lists: heldLists(state) }, name)
    if (!hold) return []
    const remedy =
      hold.facts.digest === undefined
        ? `what would go is not on record, so look again: hdsync run ${name}`
        : `see what would go: hdsync show --held ${name}; if that is meant to be: hdsync release ${name}`
    return [warning('source.held', `source ${name}`, `held: ${heldText(hold.facts)}`, remedy)]
  }

  /** Of what is held, the hold tells. */
  function checkUnusual({ name }: Source): Finding[] {
    const open = openUnusualOf(bus, name)
    if (!open) return []
    const when = localTime(open.at)
    const what = `the copy of ${when} changed unusually many files: ${unusualText(open.facts)}`
    return [warning('source.unusual', `source ${name}`, what, `hdsync diff ${name} shows what was changed`)]
  }

  function checkSuspect({ name }: Source): Finding[] {
    const last = newest([mirrorSuspect.type, sourceSynced.type], name)
    if (last?.type !== mirrorSuspect.type) return []
    const { reason = 'it may have taken what could not be read' } =
      readStored(mirrorSuspect, last.data).data ?? {}
    const remedy = `the next sync compares contents, and puts it right: hdsync run ${name}`
    return [warning('mirror.suspect', `source ${name}`, `its mirror is suspect: ${reason}`, remedy)]
  }

  /** A source that is new in the config is not overdue before the store is as old. */
  function checkAge({ name }: Source): Finding[] {
    const last = newest([sourceSynced.type], name)
    const since = Date.parse((last ?? begun)?.time ?? '')
    if (!(now - since > alert.after)) return []
    const age = formatDuration(now - since)
    const finding = last ? `its last good backup is ${age} old` : `it was never backed up, in ${age}`
    return [warning('source.overdue', `source ${name}`, finding, `hdsync runs shows why; hdsync run ${name}`)]
  }
}

/** @param lastGood When the last good run ended: what was given up before it is over. */
function checkDead(database: DatabaseSync, lastGood: number): Finding[] {
  const dead = new SqliteJournal(database, catalogue).dead().filter(({ diedAt }) => diedAt > lastGood)
  if (dead.length === 0) return []
  const what = `${dead.length} step${dead.length === 1 ? ' was' : 's were'} given up since the last good run`
  const functions = [...new Set(dead.map((one) => one.function))].join(', ')
  return [warning('dead.waiting', 'state', `${what}: ${functions}`, 'hdsync dead tells why')]
}
