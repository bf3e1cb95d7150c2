import { defineFunction, drillRestored, TerminalError } from 'hdsync'

// The source that a PostgreSQL cluster lies in, its folder in there, and what a good one answers with anything but nothing.
const source = 'var'
const cluster = 'lib/postgresql/15/main'
const database = 'shop'
const query = 'SELECT id FROM sales LIMIT 1'

/**
 * Starts PostgreSQL on the data directory that a drill has restored, and asks it something: it recovers as after a power cut,
 * or the drill fails. It listens on a socket in that folder alone, and archives nothing.
 */
export default defineFunction({
  on: drillRestored,
  emits: [],
  timeout: '1h',
  retry: { limit: 1 },
  async run({ data }, { host, log }) {
    // A sample is no database.
    if (data.source !== source || !data.whole) return
    const folder = `${data.folder}/${cluster}`
    const as = async (argv: string[], input?: string) => {
      const program = ['runuser', '-u', 'postgres', '--', ...argv] as const
      const { stdout } = await host.program({ argv: program, timeoutMs: 3_000_000, ...(input && { input }) })
      return stdout.trim()
    }
    const bin = `/usr/lib/postgresql/${(await as(['cat', `${folder}/PG_VERSION`])) || 15}/bin`
    const settings = {
      ...{ data_directory: folder, hba_file: `${folder}/drill.hba`, ident_file: `${folder}/drill.ident` },
      ...{
        listen_addresses: '',
        unix_socket_directories: folder,
        archive_mode: 'off',
        shared_buffers: '32MB',
      },
    }
    const lines = Object.entries(settings).map(([name, value]) => `${name} = '${value}'\n`)
    await as(['tee', `${folder}/drill.conf`], lines.join(''))
    await as(['tee', `${folder}/drill.hba`], 'local all all trust\n')
    await as(['tee', `${folder}/drill.ident`], '\n')
    // It names the process that ran when the snapshot was taken.
    await as(['rm', '--force', `${folder}/postmaster.pid`])
    const control = [`${bin}/pg_ctl`, '--pgdata', folder, '--wait']
    const options = ['--options', `-c config_file=${folder}/drill.conf`, '--log', `${folder}/drill.log`]
    await as([...control, '--timeout', '1800', ...options, 'start'])
    try {
      const answer = await as([
        ...[`${bin}/psql`, '--no-psqlrc', '--tuples-only', '--no-align', `--host=${folder}`],
        ...[`--command=${query}`, database],
      ])
      if (answer === '') throw new TerminalError(`${database} answers nothing to: ${query}`)
      log.info(`${database} answers ${answer.slice(0, 80)}`)
    } finally {
      await as([...control, '--mode', 'immediate', 'stop'])
    }
  },
})
