import { accessSync, constants, existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { DatabaseSync } from 'node:sqlite'
import type { Config } from '../../config/config.ts'
import { isDamaged, withoutStore } from '../../core/bus/sqlite/damage.ts'
import { storeFile } from '../../core/bus/sqlite/database.ts'
import { lockHolder } from '../../core/bus/sqlite/lock-holder.ts'
import { error, type Finding, ok } from './finding.ts'
import { checkSpace } from './space.ts'

const about = 'state'

/** Whether what has to be remembered can be written down. @param database The event store, if there is one. */
export async function checkState({ state }: Config, database: DatabaseSync | undefined): Promise<Finding[]> {
  const folder = nearestFolder(state)
  const findings = [
    ...checkWritable(state, folder),
    ...(await checkSpace(folder, 'state.nearly-full', about)),
    database
      ? checkStore(database, state)
      : ok('store.none', about, 'there is no event store yet: the first run makes it'),
  ]
  const pid = lockHolder(state)
  if (pid !== undefined)
    findings.push(ok('hdsync.running', about, `another hdsync is at work: process ${pid}`))
  return findings
}

function checkWritable(state: string, folder: string): Finding[] {
  try {
    accessSync(folder, constants.W_OK | constants.X_OK)
    return [ok('state.ok', about, state === folder ? state : `${state} will be made`)]
  } catch {
    const finding = `${folder} cannot be written by this user`
    return [
      error(
        'state.not-writable',
        about,
        finding,
        'run hdsync as root, or name another folder under `state:`',
      ),
    ]
  }
}

/** @see https://sqlite.org/pragma.html#pragma_integrity_check */
function checkStore(database: DatabaseSync, state: string): Finding {
  const found = integrityOf(database)
  if (found.length === 1 && found[0] === 'ok') return ok('store.ok', about, 'the event store is sound')
  const remedy = withoutStore(join(state, storeFile))
  return error('store.damaged', about, `the event store is damaged: ${found.join('; ')}`, remedy)
}

/** @throws What is not of damage. */
function integrityOf(database: DatabaseSync): string[] {
  try {
    const rows = database.prepare('PRAGMA integrity_check(5)').all()
    return rows.map((row) => String(row.integrity_check))
  } catch (error) {
    if (isDamaged(error)) return [(error as Error).message]
    throw error
  }
}

function nearestFolder(path: string): string {
  return existsSync(path) ? path : nearestFolder(dirname(path))
}
