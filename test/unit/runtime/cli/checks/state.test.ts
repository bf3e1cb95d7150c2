import { accessSync } from 'node:fs'
import { expect, test, vi } from 'vitest'
import { checkState } from '../../../../../runtime/cli/checks/state.ts'
import { temporaryFolder } from '../../../temporary-folder.ts'
import { config } from './lvm.ts'

// Root, as whom tests may run, can write everywhere.
vi.mock('node:fs', async (original) => {
  const real = await original<typeof import('node:fs')>()
  return { ...real, accessSync: vi.fn(real.accessSync) }
})

test('checkState() tells of a directory that cannot be written', async () => {
  vi.mocked(accessSync).mockImplementation(() => {
    throw new Error('EACCES')
  })
  expect((await checkState({ ...config, state: temporaryFolder() }, undefined))[0]).toMatchObject({
    id: 'state.not-writable',
    severity: 'error',
    remedy: 'run hdsync as root, or name another folder under `state:`',
  })
})
