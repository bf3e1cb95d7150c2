import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { checkCopies } from '../../../../../runtime/cli/checks/copies.ts'
import { parseConfig } from '../../../../../runtime/config/config.ts'
import { temporaryFolder } from '../../../temporary-folder.ts'

test('the key of a vault is there and nobody else reads it, and the vault is known', () => {
  const folder = temporaryFolder()
  const key = join(folder, 'vault.key')
  const config = parseConfig(
    `sources: { home: { path: /home, target: disk } }
targets: { disk: { path: /mnt/disk } }
archive: { target: disk }
copies: { offsite: { ssh: backup@vault.example.org, keyFile: ${key}, knownHosts: ${folder}/known_hosts, encryptTo: ${folder}/recipients.txt } }
`,
    'hdsync.yaml',
  )
  const recipients = join(folder, 'recipients.txt')
  const found = () => checkCopies(config).map(({ id, about }) => `${id} ${about}`)
  expect(found()).toEqual([
    'copy.no-key copy offsite',
    'copy.no-host-key copy offsite',
    'copy.no-recipients copy offsite',
  ])
  writeFileSync(recipients, 'nobody')
  expect(found()).toContain('copy.no-recipients copy offsite')
  writeFileSync(recipients, 'age1abc\n')
  writeFileSync(key, 'key')
  chmodSync(key, 0o640)
  expect(found()).toEqual(['copy.open-key copy offsite', 'copy.no-host-key copy offsite'])
  chmodSync(key, 0o600)
  writeFileSync(
    join(folder, 'known_hosts'),
    'other.example.org ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA\nvault.example.org ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA\n',
  )
  expect(found()).toEqual(['copy.ok copy offsite'])
})
