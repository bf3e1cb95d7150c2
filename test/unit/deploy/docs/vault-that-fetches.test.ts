import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { append, blocksOf, good, installed, startMachine, whyNoMachines } from './machine.ts'

const page = readFileSync(join(import.meta.dirname, '../../../../deploy/docs/vault.md'), 'utf8')
const begin = page.indexOf('## Fetching instead of being sent to')
const [config, commands] = blocksOf(page.slice(begin, page.indexOf('## What stays')))

test.skipIf(whyNoMachines)('followed word by word, the page makes a vault that fetches', async () => {
  const vault = await startMachine()
  const web1 = await startMachine(vault)
  // Before the page: a host with an sshd, a name and a night behind it, and a vault.
  await good(
    vault,
    'mount -t tmpfs -o nosuid,nodev,noexec tmpfs /srv; echo 127.0.0.1 web1.example.org >>/etc/hosts',
  )
  const keys = '/etc/hdsync/authorized_keys'
  await good(
    web1,
    `ssh-keygen -A >/dev/null; /usr/sbin/sshd -o AuthorizedKeysFile=${keys}; mkdir -p /mnt/disk /home/ann; date >/home/ann/today`,
  )
  await append(
    web1,
    `sources: { home: { path: /home, target: disk } }\ntargets: { disk: { path: /mnt/disk } }\narchive: { target: disk }\n`,
  )
  await good(web1, 'hdsync target adopt disk; hdsync run -q')

  await append(vault, config?.text ?? '')
  const lines = (commands?.text ?? '').trim().split('\n')
  expect(lines).toHaveLength(5)
  const [keygen = '', addHost = '', trust = '', pull = '', start = ''] = lines
  await good(vault, keygen)
  const line = /^restrict,.*$/m.exec((await good(vault, addHost)).out)?.[0] ?? ''
  expect(line).toContain('command="/usr/bin/hdsync give" ssh-ed25519 ')
  // Nothing is installed on this machine but the checkout.
  const there = line.replace('/usr/bin', `${installed}/deploy/bin`)
  await good(web1, `echo '${there}' >${keys}`)
  const [command = '', compare = ''] = trust.split(/ +# compare: |, on web1/)
  const { out } = await good(web1, compare)
  const trusted = await vault.typed(command, 'Are these the right ones?', 'y')
  expect(trusted, trusted.out).toMatchObject({ code: 0 })
  expect(trusted.out).toContain(out.split(' ')[1])
  expect((await good(vault, pull)).out).toMatch(/^web1: 1 archive fetched, /)
  await good(vault, start)
  const told = await good(vault, 'hdsync vault status; hdsync vault pull')
  expect(told.out).toMatch(/^web1 .* of 500 GiB +home +1 /m)
  expect(told.out).toContain('web1: nothing new, ')
  expect((await vault.sh('hdsync check')).out).toContain('/srv/vault takes copies from web1')
})
