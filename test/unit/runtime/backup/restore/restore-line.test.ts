import { spawnSync } from 'node:child_process'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { restoreLine } from '../../../../../runtime/backup/restore/restore-line.ts'

test('a restore is told as a command that a shell reads as it was meant, for names of any bytes', () => {
  const name = fc
    .uint8Array({ minLength: 1, maxLength: 30 })
    .map((bytes) => Buffer.from(bytes.map((byte) => (byte === 0 ? 0x0a : byte))))
  fc.assert(
    fc.property(name, (path) => {
      const line = restoreLine([{ source: 'var', path }], { at: 'var@latest', delete: true, to: '/a b' })
      const argv = line.replace('hdsync restore ', 'printf "%s\\0" ')
      const { stdout } = spawnSync('bash', ['-c', argv], { env: { LC_ALL: 'C' } })
      const words = ['--at', 'var@latest', '--to', '/a b', '--delete', '']
      expect(stdout).toEqual(Buffer.concat([Buffer.from('var:'), path, Buffer.from(`\0${words.join('\0')}`)]))
    }),
    { numRuns: 40 },
  )
})
