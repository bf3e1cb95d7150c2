import { copyFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe } from 'vitest'
import { scratchFolder } from '../lab/machine.ts'
import { oddFiles } from '../lab/servers.ts'
import { debianPackages } from './package.ts'
import { systemAvailable } from './root.ts'
import { SystemServer } from './server.ts'

/**
 * A story on one server, which has files to back up and the package in /root: each test begins where the one before
 * ended. Skipped, with the reason, where no server can boot. What the journal said is printed with a failure.
 */
export function describeServer(name: string, tests: (server: SystemServer) => void): void {
  const available = systemAvailable()
  describe.skipIf(!available.ok)(available.ok ? name : `${name} (${available.why})`, () => {
    const server = new SystemServer()
    beforeAll(() => prepare(server))
    afterEach(async ({ task }) => {
      if (task.result?.state === 'fail') console.error(await server.journal())
    })
    afterAll(() => server.cutPower())
    tests(server)
  })
}

async function prepare(server: SystemServer): Promise<void> {
  const [{ now, later }] = await Promise.all([debianPackages(scratchFolder()), server.build()])
  copyFileSync(now, join(server.machine.dir, 'hdsync.deb'))
  copyFileSync(later, join(server.machine.dir, 'later.deb'))
  // A link, as each night copies the root.
  await server.ok('ln -s /run/lab/hdsync.deb /root/')
  await server.ok(`${oddFiles('/srv/var/odd')}\n${oddFiles('/srv/home/odd')}`)
  // Reiserfs keeps the mode that setfacl gives a file in memory, and out of snapshots, until something else changes it.
  await server.ok('chmod 664 /srv/var/odd/mail/cur/2')
}
