import { mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { CopyResult } from '../../../../events/index.ts'
import { isInstalled } from '../../../../runtime/host/command/packages.ts'
import { append, blocksOf, good, type Machine, startMachine, whyNoMachines } from './machine.ts'

const page = readFileSync(join(import.meta.dirname, '../../../../deploy/docs/vault.md'), 'utf8')
const testWithMachines = test.skipIf(whyNoMachines !== undefined || !isInstalled('age'))

/** The texts of the blocks below a heading of the page. */
function below(heading: string): string[] {
  const part = page.slice(page.indexOf(`\n${heading}\n`) + heading.length)
  return blocksOf(part.slice(0, /\n##/.exec(part.slice(1))?.index)).map(({ text }) => text)
}

/** Lines of a block that are of one machine. */
function lines(text: string, from: number, to?: number): string {
  return text.trim().split('\n').slice(from, to).join('\n')
}

/** Runs lines in a folder of a machine of its own. */
function inFolder(machine: Machine, name: string, text: string) {
  const folder = join(machine.folder, name)
  mkdirSync(folder, { recursive: true })
  return good(machine, `export TMPDIR=${folder}; cd ${folder}\n${text}`)
}

const hostConfig = `sources: { var: { path: /home, target: disk } }
targets: { disk: { path: /mnt/disk } }
archive: { target: disk }
`
const vaultConfig = 'vault: { path: /srv/vault, hosts: { web1: { mayGet: true } } }\n'
const withNight = `echo 127.0.0.1 vault.example.org >>/etc/hosts; mkdir -p /mnt/disk /home/www; date >/home/www/page
ssh-keygen -q -t ed25519 -N '' -f /etc/hdsync/vault.key`
const withSshd = 'ssh-keygen -A >/dev/null; rm -f /srv/vault.pid; /usr/sbin/sshd -o PidFile=/run/sshd.pid'
const startDaemon = 'systemctl restart hdsync'

async function makeVault(beside?: Machine): Promise<Machine> {
  const vault = await startMachine(beside)
  await good(vault, 'mount -t tmpfs -o nosuid,nodev,noexec tmpfs /srv')
  await append(vault, vaultConfig)
  return vault
}

async function letIn(vault: Machine, host: Machine, command: string): Promise<void> {
  await inFolder(host, 'keys', 'cp /etc/hdsync/vault.key.pub .')
  await inFolder(vault, 'keys', command)
}

/** A source whose first night is now: another archive of a night that is copied would have to wait for the next. */
async function backUpAnother(host: Machine, name: string): Promise<void> {
  const add = `s|sources: {|sources: { ${name}: { path: /srv/${name}, target: disk },|`
  await good(host, `mkdir /srv/${name}; date +%N >/srv/${name}/page; sed -i '${add}' /etc/hdsync/hdsync.yaml`)
  await good(host, `hdsync run ${name} -q`)
}

/** Answers what `hdsync copies trust` asks. */
async function trust(host: Machine): Promise<void> {
  const trusted = await host.typed('hdsync copies trust offsite', 'Are these the right ones?', 'y')
  expect(trusted, trusted.out).toMatchObject({ code: 0 })
}

async function copied(host: Machine): Promise<CopyResult> {
  const { out } = await good(host, 'hdsync copy offsite --json -q')
  const [copy] = (JSON.parse(out) as { copies: CopyResult[] }).copies
  if (!copy) throw new Error(out)
  return copy
}

testWithMachines(
  'encryption, another machine, a lost key, a lost identity and a vault that moves, as the page has them',
  async () => {
    const vault = await makeVault()
    const web1 = await startMachine(vault)
    await good(web1, withNight)
    await append(web1, hostConfig)
    await good(web1, 'hdsync target adopt disk; hdsync run -q')
    await good(vault, withSshd)
    await letIn(vault, web1, `hdsync vault add-host web1 --key vault.key.pub && ${startDaemon}`)

    const [make = '', name = '', config = ''] = below('## Encryption')
    const { err } = await inFolder(vault, 'elsewhere', make)
    const [recipient = ''] = /age1\w+/.exec(err) ?? []
    await good(web1, name.replace('age1…', recipient))
    await append(web1, config)
    await trust(web1)
    expect(await copied(web1)).toMatchObject({ archives: 1 })

    const { out: copy } = await good(vault, 'ls /srv/vault/web1/accepted/var/*.sealed')
    await good(vault, `cp ${copy.trim()} ${vault.folder}/copy`)
    const [byHand = ''] = below('### Without hdsync')
    await inFolder(vault, 'elsewhere', byHand.replaceAll('COPY', '../copy'))
    await inFolder(vault, 'elsewhere', 'zstd -dc archive | tar -t | grep -x var/www/page')

    const spare = await startMachine(vault)
    await good(spare, 'echo 127.0.0.1 vault.example.org >>/etc/hosts')
    await good(web1, `cp /etc/hdsync/vault.key ${web1.folder}/elsewhere/`)
    const [restore = ''] = below('## Restoring on another machine')
    await inFolder(spare, 'elsewhere', restore)
    await good(web1, `cp /home/www/page ${web1.folder}/page`)
    await good(spare, `cmp /srv/new/www/page ${spare.folder}/page`)

    const [newKey = '', letInNew = ''] = below('### The key is lost, or stolen')
    await good(web1, newKey)
    await letIn(vault, web1, letInNew)
    const old = 'hdsync --vault ssh://hdsync-web1@vault.example.org backups'
    expect((await spare.sh(old)).err).toMatch(/does not let .* in/)

    const [newIdentity = ''] = below('### The identity is lost')
    await inFolder(vault, 'elsewhere', 'mv identity.txt lost.txt; age-keygen -o identity.txt')
    await inFolder(vault, 'elsewhere', lines(newIdentity, 0, 1))
    await inFolder(web1, 'elsewhere', lines(newIdentity, 1, 2))
    await backUpAnother(web1, 'mail')
    expect(await copied(web1)).toMatchObject({ waiting: 0 })
    const into = restore.trim().split('\n').at(-1) ?? ''
    await inFolder(web1, 'elsewhere', into.replace('restore var', 'restore mail'))
    await good(web1, 'cmp /srv/new/page /srv/mail/page')

    const [stop = '', begin = ''] = below('### The vault moves')
    const carried = `${vault.folder}/carried/`
    await good(vault, `mkdir ${carried}\n${stop.replace('new.example.org:/srv/vault/', carried)}`)
    await good(vault, 'kill "$(cat /run/sshd.pid)"')
    const moved = await makeVault(vault)
    await good(moved, `rsync -aH ${carried} /srv/vault/; ${withSshd}`)
    await good(moved, begin)
    await trust(web1)
    expect(await copied(web1)).toEqual(expect.objectContaining({ archives: 0, bytes: 0 }))
    await backUpAnother(web1, 'later')
    expect(await copied(web1)).toMatchObject({ waiting: 0 })
    await good(moved, 'ls /srv/vault/web1/accepted/later/*.sealed')
  },
)

testWithMachines('the first copy by a disk, as the page has it', async () => {
  const web1 = await startMachine()
  await good(web1, `${withNight}; mkdir /mnt/seed; mount -t tmpfs tmpfs /mnt/seed; ${withSshd}`)
  await append(web1, hostConfig)
  await good(web1, 'hdsync target adopt disk; hdsync run -q')
  const [config = '', send = '', arrive = ''] = below('### The first copy by a disk')
  await good(web1, 'cp /etc/hdsync/hdsync.yaml /etc/hdsync/before')
  await append(web1, config)
  await good(web1, lines(send, 0, 2))
  await trust(web1)
  const [, , copy = ''] = send.trim().split('\n')
  await good(web1, copy.replace('hdsync copies trust offsite && ', ''))
  await good(web1, `cp -a /mnt/seed ${web1.folder}/disk; systemctl stop hdsync; kill "$(cat /run/sshd.pid)"`)

  const vault = await makeVault(web1)
  await good(vault, `mkdir /mnt/seed; mount --bind ${vault.folder}/disk /mnt/seed`)
  await good(vault, `${arrive}\n${withSshd}; ${startDaemon}`)
  await good(web1, `cp /etc/hdsync/before /etc/hdsync/hdsync.yaml`)
  const [, ...copies] = config.trim().split('\n')
  await append(web1, `${copies.join('\n').replace('localhost', 'vault.example.org')}\n`)
  await trust(web1)
  expect(await copied(web1)).toMatchObject({ archives: 0, bytes: 0 })
  const { out } = await good(vault, 'hdsync vault status --json')
  expect(JSON.parse(out)).toMatchObject([{ host: 'web1', sources: [{ source: 'var', copies: 1 }] }])
})
