import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { type RunResult, runSucceeded } from '../../../events/index.ts'
import { databaseFile } from './busy.ts'
import type { Findings } from './findings.ts'
import { judgeDatabase } from './ledger.ts'
import type { Sight } from './look.ts'
import { archiveTarget, live, type Server } from './server.ts'
import { Store } from './store.ts'

/** The copied event store, if it can be read at all. */
export function openStore({ folder }: Sight, findings: Findings): Store | undefined {
  try {
    const store = new Store(join(folder, 'store'))
    for (const said of store.corrupt) findings.add('stores corrupt', said)
    return store
  } catch (error) {
    findings.add('stores corrupt', (error as Error).message)
    return undefined
  }
}

/** What is wrong with backups, whatever has been done to them: holds at any moment at which no hdsync runs. */
export async function judgeBackups(
  server: Server,
  sight: Sight,
  store: Store,
  findings: Findings,
): Promise<void> {
  for (const { path, sizeBytes, torn } of sight.archives) {
    const [day = '', name = ''] = path.split('/')
    const source = name.replace('.tar.zst', '')
    const told = store.archivedBy(source, join(archiveTarget, path))
    findings.expect(!torn, 'torn archives', `${path} does not read back`)
    if (told && !told.replaced && told.sizeBytes !== sizeBytes) {
      findings.add(
        'false successes',
        `${path} has ${sizeBytes} bytes, run ${told.run} wrote ${told.sizeBytes}`,
      )
    }
    const copy = join(sight.folder, 'archive', day, source, 'db', databaseFile)
    if (told) await judgeCopy(server, { store, run: told.run, source, copy, where: path }, findings)
  }
  for (const source of live) {
    const run = store.mirroredBy(source)
    const copy = join(sight.folder, 'mirror', source, databaseFile)
    if (run) await judgeCopy(server, { store, run, source, copy, where: 'its mirror' }, findings)
  }
}

interface Copy {
  store: Store
  run: string
  source: string
  copy: string
  where: string
}

/** Every row that was committed before the run's snapshot was asked for has to be in the copy. */
async function judgeCopy(
  server: Server,
  { store, run, source, copy, where }: Copy,
  findings: Findings,
): Promise<void> {
  const least = await server.committed(source, store.snapshotAt(run, source))
  if (least === 0) return
  const wrong = existsSync(copy) ? judgeDatabase(copy, source, least) : 'is not there'
  if (wrong) findings.add('databases lost', `the database of ${source} in ${where} (run ${run}): ${wrong}`)
}

/** What has to be true once an hdsync has ended in order. */
export function judgeOrder(sight: Sight, store: Store, findings: Findings): void {
  for (const line of sight.leftovers) findings.add('leftovers', line)
  for (const line of sight.differences) findings.add('mirrors unequal', line)
  for (const line of store.loose()) findings.add('events lost', line)
  for (const run of store.runs) {
    const ends = store.ends(run)
    findings.expect(ends.length > 0, 'events lost', `run ${run} has no end`)
    findings.expect(ends.length < 2, 'runs unaccounted for', `run ${run} has ended ${ends.length} times`)
    if (ends[0]?.type !== runSucceeded.type || store.isRestore(run)) continue
    for (const what of store.unproven(run)) findings.add('false successes', `run ${run}: ${what}`)
  }
}

/** What `hdsync runs` has to say when nothing is under way. */
export function judgeListed(listed: readonly RunResult[], findings: Findings): void {
  for (const { run, state, endedAt } of listed) {
    const accounted = endedAt !== null && state !== 'running'
    findings.expect(accounted, 'runs unaccounted for', `run ${run} is listed as ${state}`)
  }
}
