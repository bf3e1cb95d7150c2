import { execFileSync } from 'node:child_process'
import { chmodSync, chownSync, existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import postgresDump from '../../../deploy/examples/functions/postgres-dump.ts'
import { backupStart, catalogue, type RunResult, runEnds } from '../../../events/index.ts'
import { loadRegistry, ownFunctions } from '../../../runtime/backup/load-functions.ts'
import { parseConfig } from '../../../runtime/config/config.ts'
import { createHost } from '../../../runtime/host/host.ts'
import { Box } from '../functions/box.ts'
import { Bench } from '../runtime/backup/bench.ts'
import { temporaryFolder } from '../temporary-folder.ts'

const { functions } = await loadRegistry({ ours: ownFunctions, users: '/nowhere' }, catalogue)
const definitions = Object.fromEntries(functions.map(({ name, definition }) => [name, definition]))

afterEach(() => void vi.unstubAllEnvs())

/** A night of a directory with the function of the example, on a box whose programs are real. */
async function night(
  dumps: string,
): Promise<{ result: RunResult; said: string[]; dump: string | undefined }> {
  const config = parseConfig(
    `sources: { dumps: { path: ${dumps}, target: disk } }\ntargets: { disk: { path: /mnt/disk } }`,
    'dump.yaml',
  )
  const box = new Box()
  let dump: string | undefined
  box.beforeSync = () => {
    const file = join(dumps, 'shop.dump')
    if (existsSync(file)) dump = readFileSync(file, 'latin1')
  }
  const { program } = createHost({
    observer: { started: () => 0, ended: () => {} },
    signal: new AbortController().signal,
    store: 'test',
    runtimeDirectory: temporaryFolder(),
    stateDirectory: temporaryFolder(),
  })
  const all = { ...definitions, 'postgres-dump': postgresDump }
  const bench = new Bench(all, { host: Object.assign(box, { program }), config }).start()
  await bench.emit(backupStart, {})
  const types = runEnds.map(({ type }) => type)
  const ended = () => bench.clock.advance(60_000).then(() => bench.bus.events({ types }))
  await expect.poll(ended, { timeout: 60_000 }).toHaveLength(1)
  return { result: bench.bus.events({ types })[0]?.data as RunResult, said: bench.said, dump }
}

describe('the example that dumps PostgreSQL, with a pg_dump that does as it is told,', () => {
  /** @param script What pg_dump does, with the name of the file in `$file`. */
  function standIn(script: string): string {
    const [programs, dumps] = [temporaryFolder(), temporaryFolder()]
    const put = (name: string, text: string) =>
      writeFileSync(join(programs, name), `#!/bin/sh\n${text}\n`, { mode: 0o755 })
    put('runuser', 'shift 3; exec "$@"')
    put('pg_dump', `file=\${2#--file=}\n${script}`)
    vi.stubEnv('PATH', `${programs}:${process.env.PATH}`)
    return dumps
  }

  test('the dump lies in the folder when that is copied', async () => {
    const { result, dump } = await night(standIn('head -c 5000 /dev/zero >"$file"'))
    expect([result.state, dump?.length]).toEqual(['succeeded', 5000])
  })

  test.each([
    [
      'ends badly',
      'head -c 5000 /dev/zero >"$file"; echo "no such database" >&2; exit 1',
      'no such database',
    ],
    ['writes next to nothing', 'echo >"$file"', '1 bytes only; the one before is kept'],
  ])('one that %s leaves the last dump, which is copied with a warning', async (_, script, reason) => {
    const dumps = standIn(script)
    writeFileSync(join(dumps, 'shop.dump'), 'yesterday')
    const { result, dump } = await night(dumps)
    expect([result.state, dump]).toEqual(['degraded', 'yesterday'])
    expect(JSON.stringify(result)).toContain(reason)
  })
})

const bin = '/usr/lib/postgresql/15/bin'
const lacking = !existsSync(`${bin}/initdb`) || process.getuid?.() !== 0

describe.skipIf(lacking)('with a real PostgreSQL (needs root, and postgresql-15)', () => {
  test('the dump can be restored from', async () => {
    const folder = temporaryFolder()
    const { uid, gid } = statSync('/var/lib/postgresql')
    const as = (argv: string[]) =>
      execFileSync('runuser', ['-u', 'postgres', '--', ...argv], {
        cwd: '/',
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'pipe'],
      })
    for (let at = folder; at !== '/tmp' && at !== '/'; at = join(at, '..')) chmodSync(at, 0o755)
    chownSync(folder, uid, gid)
    const [data, dumps] = [join(folder, 'data'), join(folder, 'dumps')]
    as(['mkdir', dumps])
    as([`${bin}/initdb`, '--no-sync', '--pgdata', data])
    const options = `-c listen_addresses= -c unix_socket_directories=${folder} -c fsync=off`
    as([
      `${bin}/pg_ctl`,
      '--pgdata',
      data,
      '--log',
      join(folder, 'log'),
      '--options',
      options,
      '--wait',
      'start',
    ])
    onTestFinished(() => void as([`${bin}/pg_ctl`, '--pgdata', data, '--mode', 'immediate', 'stop']))
    vi.stubEnv('PGHOST', folder)
    vi.stubEnv('PATH', `${bin}:${process.env.PATH}`)
    as(['createdb', 'shop'])
    as(['psql', '-c', 'CREATE TABLE sales AS SELECT generate_series(1, 500) AS id', 'shop'])
    const { result, said } = await night(dumps)
    expect(result.state).toBe('succeeded')
    expect(said.join()).toMatch(/dumped shop: \d{4,} bytes/)
    as(['createdb', 'again'])
    as(['pg_restore', '--dbname=again', join(dumps, 'shop.dump')])
    expect(as(['psql', '-tAc', 'SELECT count(*) FROM sales', 'again']).trim()).toBe('500')
  })
})
