import { execFileSync } from 'node:child_process'
import { chmodSync, chownSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { main } from '../../../runtime/cli/program.ts'
import { backUp, makeServer, printed, type Server } from '../runtime/cli/night.ts'

const example = join(import.meta.dirname, '../../../deploy/examples/functions/postgres-drill.ts')
const bin = '/usr/lib/postgresql/15/bin'
const lacking = !existsSync(`${bin}/initdb`) || process.getuid?.() !== 0

const as = (...argv: string[]) =>
  execFileSync('runuser', ['-u', 'postgres', '--', ...argv], {
    cwd: '/',
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  })

/** A server whose `home` has a cluster that was cut off, backed up in a night. */
async function withCluster(): Promise<Server> {
  const server = await makeServer()
  const { folder, config } = server
  const scratch = join(folder, 'scratch')
  for (let at = folder; at !== '/tmp' && at !== '/'; at = join(at, '..')) chmodSync(at, 0o755)
  mkdirSync(scratch)
  chmodSync(join(folder, 'home'), 0o755)
  const cluster = join(folder, 'home/main')
  mkdirSync(cluster)
  const { uid, gid } = statSync('/var/lib/postgresql')
  chownSync(cluster, uid, gid)
  as(`${bin}/initdb`, '--no-sync', '--pgdata', cluster)
  const options = `-c listen_addresses= -c unix_socket_directories=${cluster} -c fsync=off`
  const control = [`${bin}/pg_ctl`, '--pgdata', cluster, '--wait'] as const
  as(...control, '--log', join(cluster, 'log'), '--options', options, 'start')
  as(`${bin}/createdb`, `--host=${cluster}`, 'shop')
  as(
    `${bin}/psql`,
    `--host=${cluster}`,
    '-c',
    'CREATE TABLE sales AS SELECT generate_series(1, 500) AS id',
    'shop',
  )
  as(...control, '--mode', 'immediate', 'stop')
  const drill = `drill: { scratch: ${scratch} }\n`
  writeFileSync(config, readFileSync(config, 'utf8') + drill)
  await backUp(server, { sources: ['home'] })
  return server
}

function useExample({ folder }: Server, query: string): void {
  const text = readFileSync(example, 'utf8')
    .replace("source = 'var'", "source = 'home'")
    .replace("'lib/postgresql/15/main'", "'main'")
    .replace(/query = '.*'/, `query = '${query}'`)
  writeFileSync(join(folder, 'functions/postgres-drill.ts'), text)
}

async function drill({ config }: Server) {
  const io = printed()
  const words = ['drill', 'home', '--whole', '--json', '-q', '--config', config]
  const exitCode = await main(['node', 'hdsync', ...words], '0.0.0', io)
  return { exitCode, ...JSON.parse(io.out) }
}

describe.skipIf(lacking)(
  'the example that asks a restored PostgreSQL (needs root, and postgresql-15)',
  () => {
    test('proves a cluster that answers, and not one that has not what is asked for', async () => {
      const server = await withCluster()
      useExample(server, 'SELECT count(*) FROM sales')
      const good = await drill(server)
      expect(good).toMatchObject({ exitCode: 0, state: 'succeeded' })
      expect(good.sources[0]).toMatchObject({ state: 'proven', whole: true, functions: ['postgres-drill'] })
      useExample(server, 'SELECT id FROM customers')
      const bad = await drill(server)
      expect(bad.exitCode).toBe(1)
      expect(bad.sources[0].error).toContain('SELECT id FROM customers')
      expect(execFileSync('ls', [join(server.folder, 'scratch')], { encoding: 'utf8' })).toBe('')
    })
  },
)
