import { appendFileSync, chmodSync, chownSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { checkLinks, checkVaultHere } from '../../../../../runtime/cli/checks/vault.ts'
import { vaultSchema } from '../../../../../runtime/config/vault.ts'
import { parseMountinfo } from '../../../../../runtime/host/mount/mountinfo.ts'
import { makeHostFolder, makeVault } from '../../../../../runtime/host/vault/host-folder.ts'
import { temporaryFolder } from '../../../temporary-folder.ts'

const mounts = (options: string) => parseMountinfo(`1 0 8:1 / / ${options} - ext4 /dev/sda1 rw\n`)
const good = mounts('rw,nosuid,nodev,noexec')

function vaultWith(...hosts: string[]) {
  const path = join(temporaryFolder(), 'vault')
  makeVault(path, 1)
  for (const host of hosts)
    makeHostFolder(path, host, { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 })
  const vault = vaultSchema.parse({ path, hosts: { web1: {} } })
  const found = (seen = good) => checkVaultHere({ vault }, seen).map(({ id, about }) => `${id} ${about}`)
  return { path, vault, found }
}

test('a host that was not prepared cannot send', () => {
  expect(vaultWith().found()).toEqual(['vault.no-folder vault host web1'])
})

test('a vault whose owner sends is told of, and so is what is odd', () => {
  const { path, found } = vaultWith('web1')
  expect(found()).toEqual(['vault.same-owner vault host web1'])
  const at = '2026-11-22T02:00:00.000Z'
  const archive = { source: 'home', at, form: 'tar.zst', sizeBytes: 9, sha256: 'a'.repeat(64) }
  const copy = { ...archive, provedAt: at, readAt: at, damaged: false }
  const line = { did: 'accept', file: 'home/copy', copy, newBytes: 9, reasons: ['it is small'] }
  appendFileSync(join(path, 'web1/record.jsonl'), `${JSON.stringify(line)}\n`)
  expect(found()).toEqual(['vault.odd vault host web1', 'vault.same-owner vault host web1'])
})

test.skipIf(process.getuid?.() !== 0)('a vault on a file system that runs nothing is fine', () => {
  const { path, vault, found } = vaultWith('web1')
  chownSync(join(path, 'web1/incoming'), 65_534, 65_534)
  expect(found()).toEqual(['vault.ok vault'])
  expect(checkVaultHere({ vault }, mounts('rw,nodev'))).toMatchObject([
    { id: 'vault.mount', severity: 'warning', finding: expect.stringContaining('without nosuid, noexec') },
  ])
})

test('second names of files of others are warned of', () => {
  const file = join(temporaryFolder(), 'protected_hardlinks')
  writeFileSync(file, '1\n')
  expect(checkLinks(file)).toEqual([])
  writeFileSync(file, '0\n')
  expect(checkLinks(file)).toMatchObject([
    { id: 'vault.hardlinks', remedy: expect.stringContaining('sysctl -w fs.protected_hardlinks=1') },
  ])
})

test('a host that is fetched from needs a key that others cannot read, a known host key, and copies that come', () => {
  const { path } = vaultWith('web1')
  const [keyFile, knownHosts] = [join(path, '../key'), join(path, '../known')]
  const pull = { ssh: 'root@web1.example.org', keyFile, knownHosts }
  const vault = vaultSchema.parse({ path, hosts: { web1: { pull } } })
  const found = () =>
    checkVaultHere({ vault }, good).flatMap(({ id, about }) =>
      id === 'vault.same-owner' ? [] : [`${id} ${about}`],
    )
  expect(found()).toEqual(['vault.no-key vault host web1', 'vault.no-host-key vault host web1'])
  writeFileSync(keyFile, '', { mode: 0o644 })
  writeFileSync(knownHosts, `web1.example.org ssh-ed25519 ${'A'.repeat(68)}\n`)
  expect(found()).toEqual(['vault.open-key vault host web1'])
  chmodSync(keyFile, 0o600)
  expect(found()).toEqual([])
  const at = '2026-11-01T02:00:00.000Z'
  const told = { version: 1, firstAt: at, triedAt: at, goodAt: null, failedToldAt: null, overdueToldAt: null }
  writeFileSync(join(path, 'web1/pull.json'), JSON.stringify({ ...told, error: 'it refuses' }))
  expect(found()).toEqual(['vault.pull-failed vault host web1', 'vault.pull-overdue vault host web1'])
})
