import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { expect, test } from 'vitest'
import { main } from '../../../runtime/cli/program.ts'
import { isInstalled } from '../../../runtime/host/command/packages.ts'
import { dateOf } from '../../../runtime/weekday.ts'
import { backUp, printed } from '../runtime/cli/night.ts'
import { temporaryFolder } from '../temporary-folder.ts'
import { differences, layAttributes } from './attributes.ts'
import { Site } from './vault/site.ts'
import { whyNoSshd } from './vault/sshd.ts'

const testWithSshd = test.skipIf(whyNoSshd !== undefined || !isInstalled('age'))

/** A machine that has nothing but the key and the address of a vault. */
function emptyMachine({ sshd, ...site }: Site) {
  const folder = temporaryFolder()
  const words = [
    ...['--vault', `ssh://${sshd.user}@127.0.0.1:${sshd.port}`],
    ...['--key-file', sshd.keyFile, '--known-hosts', `${site.vault}/../known_hosts`],
  ]
  return {
    folder,
    async hdsync(...asked: string[]) {
      const io = printed()
      const env = { PATH: process.env.PATH ?? '', TMPDIR: folder }
      const exitCode = await main(['node', 'hdsync', ...words, ...asked], '0.0.0', { ...io, env })
      return { exitCode, out: io.out, err: io.err }
    },
  }
}

testWithSshd(
  'on an empty machine everything of a source comes back from an encrypted copy in a vault',
  async () => {
    const keys = temporaryFolder()
    const identity = `${keys}/identity.txt`
    execFileSync('age-keygen', ['-o', identity], { stdio: 'pipe' })
    writeFileSync(`${keys}/recipients.txt`, execFileSync('age-keygen', ['-y', identity]), { mode: 0o644 })
    await using site = await Site.made({ more: `, encryptTo: ${keys}/recipients.txt` })
    layAttributes(site.at('home'))
    await backUp(site.server, { sources: ['home'] })
    expect(await site.copy()).toMatchObject({ exitCode: 0 })
    const { hdsync, folder } = emptyMachine(site)
    const listed = await hdsync('backups', '--json')
    const id = `home@vault-${dateOf(Date.now())}`
    expect(JSON.parse(listed.out), listed.err).toMatchObject([{ id, source: 'home', kind: 'copy' }])
    expect((await hdsync('restore', 'home', '--to', `${folder}/back`, '-q')).err).toMatch(/is encrypted/)
    const restored = await hdsync('restore', 'home', '--to', `${folder}/back`, '--identity', identity, '-q')
    expect(restored, restored.err).toMatchObject({ exitCode: 0 })
    expect(differences(site.at('home'), `${folder}/back`)).toBe('')
    expect(readdirSync(folder)).toEqual(['back'])
    writeFileSync(`${folder}/back/file`, 'changed here')
    const again = await hdsync(
      ...['restore', 'home:file', '--to', `${folder}/back`, '--identity', identity, '-q', '-y'],
    )
    expect(readFileSync(`${folder}/back/file`, 'utf8'), again.err).toBe('home')
    const [, undo = ''] = /hdsync (restore --undo .*)/.exec(again.out) ?? []
    expect(undo).toContain('--vault ssh://')
    expect((await hdsync(...(undo.split(' --vault')[0]?.split(' ') ?? []), '-y')).exitCode).toBe(0)
    expect(readFileSync(`${folder}/back/file`, 'utf8')).toBe('changed here')
  },
)

testWithSshd('a vault that is named is read, and nothing else is done with it', async () => {
  await using site = await Site.made({ host: 'mayGet: false' })
  await site.copy()
  const { hdsync, folder } = emptyMachine(site)
  expect((await hdsync('backups')).out).toMatch(/home@vault-/)
  expect((await hdsync('ls', 'home')).err).toMatch(/the vault \S+ refuses: .*may not read from the vault/)
  writeFileSync(
    site.vaultConfig,
    readFileSync(site.vaultConfig, 'utf8').replace('mayGet: false', 'mayGet: true'),
  )
  expect((await hdsync('ls', 'home')).out).toBe('file\n')
  expect((await hdsync('cat', 'home:file')).exitCode).toBe(0)
  expect(readdirSync(folder)).toEqual([])
  expect((await hdsync('run')).err).toMatch(/run takes no --vault/)
  expect((await hdsync('backups', '--disk', folder)).err).toMatch(/either --vault or --disk/)
  expect((await hdsync('backups', '--from', 'offsite')).err).toMatch(/either --vault or --from/)
  expect((await hdsync('backups', '--vault', 'ssh://nobody')).err).toMatch(/ssh:\/\/nobody is no vault/)
  rmSync(site.there('known_hosts'))
  expect((await hdsync('backups')).err).toMatch(
    /host key of \S+ is not known\n {2}ssh-keyscan -t ed25519 -p \d+ 127/,
  )
  expect(new Set(site.asked().slice(5))).toEqual(new Set(['status', 'get']))
})

testWithSshd('nothing is fetched into a folder of somebody else', async () => {
  await using site = await Site.made()
  await site.copy()
  const { hdsync, folder } = emptyMachine(site)
  const own = `${folder}/hdsync-${process.geteuid?.()}`
  symlinkSync('/tmp', own)
  expect((await hdsync('ls', 'home')).err).toMatch(/not for this user alone/)
  rmSync(own)
  mkdirSync(own)
  chmodSync(own, 0o777)
  expect((await hdsync('ls', 'home')).err).toMatch(/not for this user alone/)
  expect(statSync(own).mode & 0o777).toBe(0o777)
  expect(existsSync(`${own}/fetched`)).toBe(false)
})
