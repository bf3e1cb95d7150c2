import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'

interface Plainjob {
  defineQueue(options: object): { add(type: string, data: unknown): unknown; close(): void }
  defineWorker(
    type: string,
    run: (job: { data: string }) => void,
    options: object,
  ): { start(): Promise<void>; stop(): Promise<void> }
}

const silent = { error() {}, warn() {}, info() {}, debug() {} }

/**
 * plainjob, over the SQLite that is compiled into Node and as durable as our bus: it asks for `synchronous=NORMAL`,
 * and gets FULL.
 */
export async function openPlainjob(module: string, folder: string) {
  const { defineQueue, defineWorker } = (await import(module)) as Plainjob
  const database = new DatabaseSync(join(folder, 'plainjob.db'), { allowBareNamedParameters: true })
  const connection = {
    driver: 'better-sqlite3',
    filename: 'plainjob.db',
    pragma: (text: string) => database.exec(`PRAGMA ${text}`),
    exec: (sql: string) => database.exec(sql),
    prepare: (sql: string) => database.prepare(sql),
    transaction: (body: (...given: unknown[]) => unknown) => {
      const run = (...given: unknown[]) => {
        database.exec('BEGIN')
        const result = body(...given)
        database.exec('COMMIT')
        return result
      }
      return Object.assign(run, { deferred: run, immediate: run, exclusive: run, default: run })
    },
    close: () => database.close(),
  }
  const queue = defineQueue({ connection, logger: silent })
  database.exec('PRAGMA synchronous = FULL')
  return {
    /** So many jobs, in chains that run at once: each adds the next before it is done. */
    async hops(count: number, chains: number): Promise<void> {
      let open = chains
      const run = ({ data }: { data: string }) => {
        const { left } = JSON.parse(data)
        if (left > 1) queue.add('hop', { left: left - 1 })
        else {
          open -= 1
          if (open === 0) void worker.stop()
        }
      }
      const worker = defineWorker('hop', run, { queue, pollIntervall: 1, logger: silent })
      for (let n = 0; n < chains; n += 1) queue.add('hop', { left: Math.round(count / chains) })
      await worker.start()
    },
    close: () => queue.close(),
  }
}
