import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { expect, test } from 'vitest'
import { dateOf } from '../../../runtime/weekday.ts'
import { backUp } from '../runtime/cli/night.ts'
import { differences, layAttributes } from './attributes.ts'
import { digest } from './copy-site.ts'
import { Site } from './vault/site.ts'
import { whyNoSshd } from './vault/sshd.ts'

const testWithSshd = test.skipIf(whyNoSshd !== undefined)

testWithSshd(
  'copies in a vault are restore points: listed, read and restored, also when nothing else is left',
  async () => {
    await using site = await Site.made()
    await site.run()
    const id = `home@offsite-${dateOf(Date.now())}`
    const listed = async (...words: string[]) =>
      JSON.parse((await site.hdsync('backups', 'home', '--json', ...words)).out) as {
        id: string
        kind: string
      }[]
    expect(await listed('--from', 'offsite')).toMatchObject([
      { id, kind: 'copy', copy: 'offsite', provenAt: expect.any(String) },
    ])
    expect((await listed()).map(({ kind }) => kind).sort()).toEqual(['copy', 'mirror', 'weekday'])
    const fetched = site.at('state/fetched')
    const read = await site.hdsync('ls', 'home', '--from', 'offsite')
    expect(read).toMatchObject({
      exitCode: 0,
      out: 'file\n',
      err: expect.stringContaining(`fetches ${id} from`),
    })
    expect((await site.hdsync('ls', 'home', '--at', id)).out).toBe('file\n')
    expect(readdirSync(fetched)).toEqual([])
    writeFileSync(site.at('home', 'file'), 'spoilt')
    rmSync(site.at('disk'), { recursive: true })
    const restored = await site.hdsync('restore', 'home', '--from', 'offsite', '--to', site.at('back'), '-q')
    expect(restored).toMatchObject({ exitCode: 0 })
    expect(readFileSync(site.at('back', 'file'), 'utf8')).toBe('home')
    expect(readdirSync(fetched)).toEqual([])
  },
)

testWithSshd(
  'what is fetched goes on where it was cut off, and is read only if it is what was proved',
  async () => {
    await using site = await Site.made()
    await site.run()
    const sha256 = digest(site.archive())
    const bytes = readFileSync(site.archive())
    const part = site.at('state/fetched', `${sha256}.part`)
    mkdirSync(dirname(part), { mode: 0o700 })
    writeFileSync(part, bytes.subarray(0, 10))
    expect((await site.hdsync('ls', 'home', '--from', 'offsite')).out).toBe('file\n')
    expect(readFileSync(site.there('asked'), 'utf8')).toContain('"offset":10}')
    writeFileSync(part, Buffer.alloc(10, '#'))
    const spoilt = await site.hdsync('ls', 'home', '--from', 'offsite')
    expect(spoilt).toMatchObject({
      exitCode: 1,
      err: expect.stringContaining('something else than the copy'),
    })
    expect(readdirSync(dirname(part))).toEqual([])
    expect((await site.hdsync('ls', 'home', '--from', 'offsite')).out).toBe('file\n')
    writeFileSync(
      site.vaultConfig,
      readFileSync(site.vaultConfig, 'utf8').replace('mayGet: true', 'mayGet: false'),
    )
    const refused = await site.hdsync('ls', 'home', '--from', 'offsite')
    expect(refused.err).toMatch(/the vault \S+ refuses: (?!hdsync)/)
  },
)

testWithSshd(
  'what a source had of access lists, attributes and devices comes back from the vault',
  async () => {
    await using site = await Site.made()
    layAttributes(site.at('home'))
    await backUp(site.server, { sources: ['home'] })
    expect(await site.copy()).toMatchObject({ exitCode: 0 })
    rmSync(site.at('disk'), { recursive: true })
    const restored = await site.hdsync('restore', 'home', '--from', 'offsite', '--to', site.at('back'), '-q')
    expect(restored, restored.err).toMatchObject({ exitCode: 0 })
    expect(differences(site.at('home'), site.at('back'))).toBe('')
  },
)
