import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { append, blocksOf, good, startMachine, whyNoMachines } from './machine.ts'

const page = readFileSync(join(import.meta.dirname, '../../../../deploy/docs/vault.md'), 'utf8')
const section = page.slice(page.indexOf('## A vault in ten minutes'), page.indexOf('| key | means'))

const blocks = blocksOf(section)

const textOf = (n: number) => blocks[n]?.text ?? ''

/** Each line of commands by itself. */
const linesOf = (n: number) => textOf(n).trim().split('\n')

test('the blocks are those that are followed here', () => {
  expect(blocks.map(({ kind }) => kind)).toEqual(['yaml', 'sh', 'sh', 'yaml', 'sh', 'console'])
})

test.skipIf(whyNoMachines)('followed word by word, the page makes a vault that has a copy', async () => {
  const vault = await startMachine()
  const web1 = await startMachine(vault)
  // Before the page: a vault with an sshd and a name, and a host with a night behind it.
  await good(
    vault,
    'mount -t tmpfs -o nosuid,nodev,noexec tmpfs /srv; ssh-keygen -A >/dev/null; /usr/sbin/sshd',
  )
  await good(
    web1,
    'echo 127.0.0.1 vault.example.org >>/etc/hosts; mkdir -p /mnt/disk /home/ann; date >/home/ann/today',
  )
  await append(
    web1,
    `sources: { home: { path: /home, target: disk } }\ntargets: { disk: { path: /mnt/disk } }\narchive: { target: disk }\n`,
  )
  await good(web1, 'hdsync target adopt disk; hdsync run -q')

  await append(vault, textOf(0))
  await good(web1, textOf(1))
  await good(web1, `cp /etc/hdsync/vault.key.pub ${vault.folder}/web1.pub`)
  await good(vault, `cp ${vault.folder}/web1.pub .`)
  for (const line of linesOf(2)) await good(vault, line)
  await append(web1, textOf(3))
  const [trust = '', ...others] = linesOf(4)
  const [command = '', compare = ''] = trust.split(/ +# compare: |, on the vault/)
  const { out } = await good(vault, compare)
  const trusted = await web1.typed(command, 'Are these the right ones?', 'y')
  expect(trusted, trusted.out).toMatchObject({ code: 0 })
  expect(trusted.out).toContain(out.split(' ')[1])
  for (const line of others) await good(web1, line)

  const [status = '', ...shown] = linesOf(5)
  const told = await good(vault, status.replace(/^# /, ''))
  const [head = '', row = ''] = told.out.split('\n')
  expect(head.split(/ +/)).toEqual(shown[0]?.split(/ +/))
  expect(row).toMatch(/^web1 .* of 500 GiB +home +1 /)
})
