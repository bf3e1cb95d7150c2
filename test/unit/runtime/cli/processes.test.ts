import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { makeSlowServer } from './processes.ts'

test('a copy that nobody has let go ends with its server, whatever became of hdsync', async () => {
  const { folder } = await makeSlowServer()
  const rsync = spawn(join(folder, 'bin/rsync'), ['--archive', 'from', 'to'], { stdio: 'ignore' })
  onTestFinished(() => void rsync.kill('SIGKILL'))
  // Not before the shell has opened it.
  await expect.poll(() => existsSync(join(folder, 'waiting'))).toBe(true)
  rmSync(folder, { recursive: true })
  expect(await once(rsync, 'close')).toEqual([20, null])
}, 5000)
