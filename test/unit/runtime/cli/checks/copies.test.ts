import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { checkCopies } from '../../../../../runtime/cli/checks/copies.ts'
import { parseConfig } from '../../../../../runtime/config/config.ts'
import { createRunner, unobserved } from '../../../../../runtime/host/command/command.ts'
import { isInstalled } from '../../../../../runtime/host/command/packages.ts'
import { temporaryFolder } from '../../../temporary-folder.ts'

test('the key of a vault is there and nobody else reads it, and the vault is known', async () => {
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
  const runner = createRunner({ observer: unobserved, signal: new AbortController().signal, owner: 'test' })
  const found = async () => (await checkCopies(config, runner)).map(({ id, about }) => `${id} ${about}`)
  expect(await found()).toEqual([
    'copy.no-key copy offsite',
    'copy.no-host-key copy offsite',
    'copy.no-recipients copy offsite',
  ])
  writeFileSync(recipients, 'nobody')
  expect(await found()).toContain('copy.no-recipients copy offsite')
  if (isInstalled('age')) {
    writeFileSync(recipients, 'age1qqqqqqqq\n')
    expect(await found()).toContain('copy.no-recipients copy offsite')
  }
  writeFileSync(recipients, 'age193kpzn9upnx5xqphq98rv3wle9fyxsatydujhxqqjq948jryyuyqj3ap5y\n')
  writeFileSync(key, 'key')
  chmodSync(key, 0o640)
  expect(await found()).toEqual(['copy.open-key copy offsite', 'copy.no-host-key copy offsite'])
  chmodSync(key, 0o600)
  writeFileSync(
    join(folder, 'known_hosts'),
    'other.example.org ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA\nvault.example.org ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA\n',
  )
  expect(await found()).toEqual(['copy.ok copy offsite'])
})
