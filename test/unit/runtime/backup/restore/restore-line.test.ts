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

test('a restore is told with every option that it was asked with', () => {
  const places = [{ source: 'var', path: Buffer.from('mail') }]
  const how = { inPlace: true, delete: true, allowDeletions: 7, exclude: ['*.o', 'a b'], owners: 'ids' }
  const copy = { at: 'var@latest', from: 'offsite', identity: '/root/key', allowUnencrypted: true }
  expect(restoreLine(places, { ...copy, ...how, config: '/etc/h.yaml' })).toBe(
    'hdsync restore var:mail --at var@latest --from offsite --identity /root/key --allow-unencrypted --in-place ' +
      "--delete --allow-deletions 7 --exclude '*.o' --exclude 'a b' --owners ids --config /etc/h.yaml",
  )
  const vault = { vault: 'ssh://u@v', keyFile: '/k', knownHosts: '/h' }
  expect(
    restoreLine(places, { ...vault, allowUnencrypted: true, inPlace: false, config: '/etc/h.yaml' }),
  ).toBe('hdsync restore var:mail --allow-unencrypted --vault ssh://u@v --key-file /k --known-hosts /h')
})
