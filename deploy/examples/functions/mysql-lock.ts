import { defineFunction, snapshotBefore } from 'hdsync'

// The source whose volume the database lies on, and how to reach it: as root, by its socket.
const source = 'var'
const client = ['mariadb', '--batch', '--skip-column-names', '--unbuffered'] as const

/**
 * Keeps MySQL or MariaDB from writing while the snapshot is taken, so that it holds tables of every engine as of one
 * moment. The lock lives in one session with the database: however this function ends, or hdsync with it, the session
 * ends too, and the lock with it.
 */
export default defineFunction({
  on: snapshotBefore,
  emits: [],
  async run({ data }, { host, log, snapshotTaken }) {
    if (data.source !== source) return
    const database = host.session({ argv: client, timeoutMs: 5 * 60_000 })
    // Waits for queries that are running; `gate.timeout` in the config says how long.
    database.say("FLUSH TABLES WITH READ LOCK; SELECT 'locked';")
    await database.hear()
    const lockedAt = Date.now()
    await snapshotTaken()
    database.say("UNLOCK TABLES; SELECT 'unlocked';")
    // Fails if the session did not live until now: then the lock did not either, and the snapshot is given up.
    await database.hear()
    log.info(`the database was locked for ${Date.now() - lockedAt} ms`)
    await database.end()
  },
})
