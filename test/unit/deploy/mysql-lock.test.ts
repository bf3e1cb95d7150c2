import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { appendFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import mysqlLock from '../../../deploy/examples/functions/mysql-lock.ts'
import { backupStart, catalogue, type RunResult, runEnds } from '../../../events/index.ts'
import { loadRegistry, ownFunctions } from '../../../runtime/backup/load-functions.ts'
import { parseConfig } from '../../../runtime/config/config.ts'
import { createHost } from '../../../runtime/host/host.ts'
import { Box } from '../functions/box.ts'
import { Bench } from '../runtime/backup/bench.ts'
import { temporaryFolder } from '../temporary-folder.ts'

const config = parseConfig(
  `
sources: { var: { lv: vg01/lv_var, target: disk } }
targets: { disk: { path: /mnt/disk } }
`,
  'lock.yaml',
)
const { functions } = await loadRegistry({ ours: ownFunctions, users: '/nowhere' }, catalogue)
const definitions = Object.fromEntries(functions.map(({ name, definition }) => [name, definition]))

afterEach(() => void vi.unstubAllEnvs())

/** A night with the function of the example, on a box whose sessions are real; `onSnapshot` is done while it is taken. */
async function night(onSnapshot: () => Promise<void> | void): Promise<RunResult> {
  const box = new Box()
  const { create } = box.snapshots
  box.snapshots.create = async (...facts) => {
    await onSnapshot()
    return create(...facts)
  }
  const observer = { started: () => 0, ended: () => {} }
  const { signal } = new AbortController()
  const { session } = createHost({
    observer,
    signal,
    store: 'test',
    runtimeDirectory: temporaryFolder(),
    stateDirectory: temporaryFolder(),
  })
  const host = Object.assign(box, { session })
  const bench = new Bench({ ...definitions, 'mysql-lock': mysqlLock }, { host, config }).start()
  await bench.emit(backupStart, {})
  const types = runEnds.map(({ type }) => type)
  await expect.poll(() => bench.bus.events({ types })).toHaveLength(1)
  return bench.bus.events({ types })[0]?.data as RunResult
}

describe('the example that locks MySQL, with a client that writes down what it is told,', () => {
  /** Puts a script in the place of the client. @returns What it was told, and what happened meanwhile. */
  function standIn(answer: string) {
    const folder = temporaryFolder()
    const story = join(folder, 'story')
    writeFileSync(
      join(folder, 'mariadb'),
      `#!/bin/sh\necho "begins $*" >> ${story}\nwhile read -r line; do echo "$line" >> ${story}; ${answer}; done\necho ends >> ${story}\n`,
      { mode: 0o755 },
    )
    vi.stubEnv('PATH', `${folder}:${process.env.PATH}`)
    return {
      note: (line: string) => appendFileSync(story, `${line}\n`),
      lines: () => readFileSync(story, 'utf8').trimEnd().split('\n'),
    }
  }

  test('holds the lock in one session while the snapshot is taken', async () => {
    const { note, lines } = standIn('echo ok')
    expect((await night(() => note('the snapshot'))).state).toBe('succeeded')
    expect(lines()).toEqual([
      'begins --batch --skip-column-names --unbuffered',
      "FLUSH TABLES WITH READ LOCK; SELECT 'locked';",
      'the snapshot',
      "UNLOCK TABLES; SELECT 'unlocked';",
      'ends',
    ])
  })

  test('fails the source when the session ends while the snapshot is taken', async () => {
    const { lines } = standIn('echo ok; exit 1')
    const { sources } = await night(() => {})
    expect(sources[0]).toMatchObject({
      state: 'failed',
      error: 'snapshot.take: the snapshot was given up, as mysql-lock failed: mariadb ended with exit code 1',
    })
    expect(lines()).not.toContain('ends')
  })
})

describe.skipIf(!existsSync('/usr/sbin/mariadbd'))(
  'the example that locks MySQL, with a real MariaDB,',
  () => {
    test('keeps it from writing while the snapshot is taken, and no longer', async () => {
      const database = await startMariaDb()
      database.ask(
        'CREATE DATABASE shop; CREATE TABLE shop.sales (id INT AUTO_INCREMENT PRIMARY KEY) ENGINE=InnoDB',
      )
      const count = () => Number(database.ask('SELECT COUNT(*) FROM shop.sales'))
      database.write('INSERT INTO shop.sales VALUES ();')
      await expect.poll(count).toBeGreaterThan(0)
      let during: [number, number] | undefined
      const { state } = await night(async () => {
        const first = count()
        await sleep(300)
        during = [first, count()]
      })
      expect(state).toBe('succeeded')
      expect(during?.[0]).toBeGreaterThan(0)
      expect(during?.[1]).toBe(during?.[0])
      await expect.poll(count).toBeGreaterThan(during?.[1] ?? 0)
    })

    /** A server of its own in a temporary folder; clients find it by the file of settings in their home. */
    async function startMariaDb() {
      const folder = temporaryFolder()
      const socket = join(folder, 'socket')
      const data = join(folder, 'data')
      const user = process.getuid?.() === 0 ? ['--user=root'] : []
      mkdirSync(data)
      writeFileSync(join(folder, '.my.cnf'), `[client]\nsocket=${socket}\n`)
      vi.stubEnv('HOME', folder)
      const settings = ['--no-defaults', ...user, `--datadir=${data}`]
      execFileSync('mariadb-install-db', [...settings, '--auth-root-authentication-method=normal'], {
        stdio: 'ignore',
      })
      const children: ChildProcess[] = []
      const server = spawn('/usr/sbin/mariadbd', [...settings, `--socket=${socket}`, '--skip-networking'], {
        stdio: 'ignore',
      })
      onTestFinished(async () => {
        for (const child of children) child.kill()
        server.kill('SIGKILL')
        await once(server, 'close')
      })
      const ask = (sql: string) =>
        execFileSync('mariadb', ['--batch', '--skip-column-names', '-e', sql], {
          encoding: 'utf8',
          stdio: 'pipe',
        })
      await expect.poll(() => ask('SELECT 1')).toBe('1\n')
      return {
        ask,
        /** Says the same over and over, until the test is over. */
        write(sql: string) {
          const script = 'while echo "$0"; do sleep 0.01; done | mariadb'
          children.push(spawn('sh', ['-c', script, sql], { stdio: 'ignore' }))
        },
      }
    }
  },
)
