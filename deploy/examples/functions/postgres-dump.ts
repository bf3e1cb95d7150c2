import { defineFunction, sourceBefore, TerminalError } from 'hdsync'

// The source that gets the dump (a directory that belongs to postgres), the database, and the least that a dump of it takes.
const source = 'dumps'
const database = 'shop'
const leastBytes = 1000

/**
 * Dumps a PostgreSQL database into the directory that is about to be copied. The dump of the day before is replaced only
 * by one that pg_dump has ended well with, and that is not suspiciously small. Safe to repeat.
 */
export default defineFunction({
  on: sourceBefore,
  emits: [],
  retry: { limit: 2 },
  async run({ data }, { config, host, log }) {
    const dumps = config.sources[source]
    if (data.source !== source || dumps?.kind !== 'path') return
    const file = `${dumps.path}/${database}.dump`
    const draft = `${file}.new`
    const asPostgres = (argv: string[], timeoutMs = 60_000) =>
      host.program({ argv: ['runuser', '-u', 'postgres', '--', ...argv], timeoutMs })
    // Throws unless it ends with 0; what it has written by then stays in the draft.
    await asPostgres(['pg_dump', '--format=custom', `--file=${draft}`, database], 50 * 60_000)
    const { stdout } = await asPostgres(['stat', '--format=%s', draft])
    // Where commands are only shown, nothing is printed.
    const bytes = Number(stdout || leastBytes)
    if (bytes < leastBytes) {
      throw new TerminalError(`the dump of ${database} has ${bytes} bytes only; the one before is kept`)
    }
    await asPostgres(['mv', '--no-target-directory', draft, file])
    log.info(`dumped ${database}: ${bytes} bytes`)
  },
})
