import { existsSync, mkdirSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { createRunner, unobserved } from '../../../../../runtime/host/command/command.ts'
import { forgetRestores } from '../../../../../runtime/host/restore/forget-restores.ts'
import { temporaryFolder } from '../../../temporary-folder.ts'

const runner = createRunner({ observer: unobserved, signal: new AbortController().signal, owner: 'test' })

test('what a restore has kept goes, and the folder keeps its time to the nanosecond', async () => {
  const folder = temporaryFolder()
  mkdirSync(join(folder, '.hdsync-undo/a/old'), { recursive: true })
  writeFileSync(join(folder, '.hdsync-undo/a/old/file'), 'old')
  writeFileSync(join(folder, 'file'), 'new')
  await runner.run({ argv: ['touch', '-m', '-d', '@1000000000.123456789', folder], timeoutMs: 10_000 })
  await forgetRestores(folder, runner)
  expect(existsSync(join(folder, '.hdsync-undo'))).toBe(false)
  expect(existsSync(join(folder, 'file'))).toBe(true)
  expect(statSync(folder, { bigint: true }).mtimeNs).toBe(1_000_000_000_123_456_789n)
})

test('a folder into which nothing was restored is left as it is', async () => {
  const folder = temporaryFolder()
  utimesSync(folder, 1, 1)
  await forgetRestores(folder, runner)
  await forgetRestores(join(folder, 'missing'), runner)
  expect(statSync(folder).mtimeMs).toBe(1000)
})
