import { fork } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test, vi } from 'vitest'
import { backUp, makeServer } from './night.ts'

vi.mock('node:child_process', async (original) => {
  const real = await original<typeof import('node:child_process')>()
  return { ...real, fork: vi.fn(real.fork) }
})

test('without any function of the user a night starts no process for them', async () => {
  const server = await makeServer()
  await backUp(server)
  expect(fork).not.toHaveBeenCalled()
  const text = `import { defineFunction, runFailed } from 'hdsync'
    export default defineFunction({ on: runFailed, emits: [], run() {} })`
  writeFileSync(join(server.folder, 'functions/lamp.ts'), text, { mode: 0o600 })
  // Once to know what it is, and never again for a night in which it has nothing to do.
  await backUp(server)
  expect(fork).toHaveBeenCalledTimes(1)
  await backUp(server)
  expect(fork).toHaveBeenCalledTimes(1)
})
