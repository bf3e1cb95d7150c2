import { expect, test } from 'vitest'
import { main } from '../../../../runtime/cli/program.ts'
import { printed } from './night.ts'

test('an error shows nothing that a terminal would obey', async () => {
  const io = printed()
  const exitCode = await main(['node', 'hdsync', 'plan', '--config', '/nowhere/\u001b[31mred'], '0.0.0', io)
  expect(exitCode).toBe(2)
  expect(io.err).toContain('red')
  expect(io.err.replaceAll('\n', '')).not.toMatch(/\p{C}/u)
})
