import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { openDatabase } from '../../runtime/core/bus/sqlite/database.ts'
import { writeMarker } from '../../runtime/host/target/marker.ts'
import { makeLargeCatalogue } from './large-catalogue.ts'
import { night } from './month.ts'

const dayMs = 86_400_000

/** A server with many sources and years of runs, for whoever wants to know what takes long then. */
interface LargeOptions {
  /** An empty folder. */
  folder: string
  sources: number
  /** How many there are in all: one a day of all sources, the others of one source each. */
  runs: number
  /** How many of them are of all sources. */
  whole: number
  port: number
}

/** Makes the server that the page is measured with: 100 sources, 10,000 runs, and 1,000,000 files in each archive of the first. */
export async function makeLarge({ folder, port }: Pick<LargeOptions, 'folder' | 'port'>): Promise<void> {
  await makeLargeStore({ folder, sources: 100, runs: 10_000, whole: 90, port })
  await makeLargeCatalogue({
    archives: join(folder, 'archives'),
    source: 'source000',
    scratch: join(folder, 'scratch'),
    files: 1_000_000,
  })
}

/**
 * Makes the server on plain directories: a week of real nights at the end, the runs before them are copies of the first ones' events.
 */
async function makeLargeStore({ folder, sources, runs, whole, port }: LargeOptions): Promise<void> {
  const names = Array.from({ length: sources }, (_, n) => `source${String(n).padStart(3, '0')}`)
  for (const name of ['mirrors', 'archives', 'state', 'functions'])
    mkdirSync(join(folder, name), { recursive: true, mode: 0o700 })
  for (const name of ['mirrors', 'archives']) await writeMarker(join(folder, name), name, 0)
  for (const name of names) {
    mkdirSync(join(folder, 'srv', name), { recursive: true })
    writeFileSync(join(folder, 'srv', name, 'file'), `${name}\n`.repeat(200))
  }
  const config = join(folder, 'hdsync.yaml')
  const lines = names.map((name) => `  ${name}: { path: ${folder}/srv/${name}, target: mirrors }`)
  const text = `sources:
${lines.join('\n')}
targets:
  mirrors: { path: ${folder}/mirrors }
  archives: { path: ${folder}/archives }
archive: { target: archives, keep: { weekly: 4, monthly: 3 } }
keep: 4000d
state: ${folder}/state
functions: ${folder}/functions
http: { listen: "127.0.0.1:${port}", restore: true }
`
  writeFileSync(config, text, { mode: 0o600 })
  const now = Date.now()
  const nights = 7
  const first = now - (whole + 1) * dayMs
  const all = await night(config, first)
  const one = await night(config, first + 3_600_000, { sources: names.slice(0, 1) })
  copyRuns(join(folder, 'state'), { all, one }, { runs, whole, from: first + 7_200_000 })
  for (let n = nights; n > 0; n--) {
    for (const name of names)
      writeFileSync(join(folder, 'srv', name, 'file'), `${name} ${n}\n`.repeat(200 + n))
    await night(config, now - n * dayMs + dayMs / 2)
  }
}

/** Writes events of runs as often as is wanted, each time with other ids and later times. */
function copyRuns(
  state: string,
  { all, one }: { all: string; one: string },
  { runs, whole, from }: { runs: number; whole: number; from: number },
): void {
  const database = openDatabase(state)
  const eventsOf = (run: string) =>
    database.prepare('SELECT * FROM event WHERE run_id = ? ORDER BY seq').all(run)
  const deliveriesOf = (seq: unknown) =>
    database
      .prepare('SELECT function, started_at, ended_at FROM delivery WHERE id / 1000 = ?')
      .all(seq as number)
  const models = new Map(
    [all, one].map((run) => [run, eventsOf(run).map((event) => ({ event, owed: deliveriesOf(event.seq) }))]),
  )
  const event = database.prepare(
    `INSERT INTO event (id, source, type, subject, time, run_id, attempt, parent_id, data, filed)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 1)`,
  )
  const delivery = database.prepare(
    `INSERT INTO delivery (id, function, state, tries, run_at, started_at, ended_at) VALUES (?, ?, 'done', 1, 0, ?, ?)`,
  )
  const each = Math.max(1, Math.floor(runs / whole))
  database.exec('PRAGMA synchronous = OFF; BEGIN')
  for (let n = 0; n < runs; n++) {
    const model = models.get(n % each === 0 ? all : one) ?? []
    const run = `r${String(n).padStart(9, '0')}`
    const began = Date.parse(model[0]?.event.time as string)
    const at = from + (n / runs) * (whole - 8) * dayMs
    for (const { event: like, owed } of model) {
      const ms = at + Date.parse(like.time as string) - began
      const parent = like.parent_id === null ? null : `${like.parent_id}-${n}`
      const { lastInsertRowid } = event.run(
        `${like.id}-${n}`,
        like.source as string,
        like.type as string,
        like.subject as string | null,
        new Date(ms).toISOString(),
        run,
        1,
        parent,
        (like.data as string).replaceAll(all, run).replaceAll(one, run),
      )
      for (const [m, { function: name }] of owed.entries())
        delivery.run(Number(lastInsertRowid) * 1000 + m, name as string, ms, ms + 1)
    }
  }
  database.exec(
    "UPDATE event SET filed = 1; UPDATE meta SET value = (SELECT max(seq) FROM event) WHERE key = 'filed'; COMMIT",
  )
  database.close()
}
