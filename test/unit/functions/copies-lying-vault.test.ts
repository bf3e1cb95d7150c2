import { execFileSync } from 'node:child_process'
import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { main } from '../../../runtime/cli/program.ts'
import { type Clock, systemClock } from '../../../runtime/core/clock.ts'
import { isInstalled } from '../../../runtime/host/command/packages.ts'
import { backUp, printed } from '../runtime/cli/night.ts'
import { temporaryFolder } from '../temporary-folder.ts'
import { digest } from './copy-site.ts'
import { Site } from './vault/site.ts'
import { whyNoSshd } from './vault/sshd.ts'

const testWithSshd = test.skipIf(whyNoSshd !== undefined || !isInstalled('age'))
const day = 86_400_000
const daysOn = (days: number): Clock => ({ ...systemClock, now: () => Date.now() + days * day })

/** A line of the vault's record; see `RecordEntry`. */
interface Accepted {
  did: string
  file: string
  copy: { source: string; at: string; form: string; sizeBytes: number; sha256: string }
}

/** A host that has sent two nights encrypted, which differ, and whose vault tells of them as a test wants. */
async function twoNights() {
  const keys = temporaryFolder()
  const [identity, recipients] = [join(keys, 'identity.txt'), join(keys, 'recipients.txt')]
  execFileSync('age-keygen', ['-o', identity], { stdio: 'pipe' })
  writeFileSync(recipients, execFileSync('age-keygen', ['-y', identity]), { mode: 0o644 })
  const site = await Site.made({ more: `, encryptTo: ${recipients}` })
  await site.run()
  writeFileSync(site.at('home', 'file'), 'newer')
  await backUp(site.server, { sources: ['home'] }, daysOn(1))
  await site.run(() => {}, daysOn(1))
  const record = join(site.vault, 'web1/record.jsonl')
  const honest = readFileSync(record, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line)) as Accepted[]
  const accepted = honest.filter(({ did }) => did === 'accept')
  const [first, second] = accepted.toSorted(
    (one, other) => Date.parse(one.copy.at) - Date.parse(other.copy.at),
  )
  if (!first || !second || accepted.length !== 2) throw new Error('there are not two nights')
  const says = (...lines: Accepted[]) =>
    writeFileSync(record, lines.map((line) => `${JSON.stringify(line)}\n`).join(''))
  const back = join(keys, 'back')
  const restored = async (
    hdsync: (...words: string[]) => Promise<{ exitCode: number; err: string }>,
    ...words: string[]
  ) => {
    execFileSync('rm', ['-rf', back])
    const { exitCode, err } = await hdsync('restore', 'home', '--to', back, '-q', ...words)
    return { exitCode, err, file: exitCode === 0 ? readFileSync(join(back, 'file'), 'utf8') : undefined }
  }
  const here = (...words: string[]) =>
    restored((...all) => site.hdsync(...all), '--from', 'offsite', ...words)
  /** On a machine that has nothing but the key, the address and the identity. */
  const elsewhere = (...words: string[]) =>
    restored(
      async (...all) => {
        const { user, port, keyFile } = site.sshd
        const address = ['--vault', `ssh://${user}@127.0.0.1:${port}`, '--key-file', keyFile]
        const io = printed()
        const env = { PATH: process.env.PATH ?? '', TMPDIR: keys }
        const known = ['--known-hosts', site.there('known_hosts')]
        const exitCode = await main(['node', 'hdsync', ...address, ...known, ...all], '0.0.0', { ...io, env })
        return { exitCode, err: io.err }
      },
      '--identity',
      identity,
      ...words,
    )
  return { site, identity, first, second, says, here, elsewhere }
}

/** An archive of the vault's own making, as its record would have it. */
function forged(site: Site, { copy }: Accepted): Accepted {
  const [folder, file] = [temporaryFolder(), 'home/forged.tar.zst']
  writeFileSync(join(folder, 'file'), 'forged')
  const path = join(site.vault, 'web1/accepted', file)
  execFileSync('tar', [
    '--zstd',
    '-cf',
    path,
    '-C',
    dirname(folder),
    '--transform',
    `s,^[^/]*,home,`,
    folder.slice(dirname(folder).length + 1),
  ])
  const at = new Date(Date.parse(copy.at) + 2 * day).toISOString()
  const known = { form: 'tar.zst', sizeBytes: statSync(path).size, sha256: digest(path) }
  return { did: 'accept', file, ...{ newBytes: 1 }, copy: { ...copy, at, ...known } }
}

/** One copy, told as if it were of the night of another. */
const as = (one: Accepted, night: Accepted): Accepted => ({
  ...one,
  copy: { ...one.copy, at: night.copy.at },
})

testWithSshd(
  'an older copy that the vault names for a newer night is refused here, and told of elsewhere',
  { timeout: 300_000 },
  async () => {
    const { site, identity, first, second, says, here, elsewhere } = await twoNights()
    await using _ = site
    expect(await here('--identity', identity)).toMatchObject({ exitCode: 0, file: 'newer' })
    const honest = await elsewhere()
    expect(honest).toMatchObject({ exitCode: 0, file: 'newer' })
    expect(honest.err).not.toContain('the copy says')
    says(first, as(first, second))
    expect(await here('--identity', identity)).toMatchObject({
      exitCode: 1,
      err: expect.stringMatching(
        /names another file for home of \S+ than the one that it proved to this host/,
      ),
    })
    expect(await elsewhere()).toMatchObject({
      exitCode: 0,
      file: 'home',
      err: expect.stringContaining(
        `the copy says that it is of ${first.copy.at}; the vault names it for ${second.copy.at}`,
      ),
    })
    says(as(second, first))
    expect(await elsewhere()).toMatchObject({
      exitCode: 1,
      err: expect.stringMatching(/it was encrypted on .* which is earlier/),
    })
  },
)

testWithSshd(
  'a copy that is not encrypted is read only if it is on record, or somebody says so',
  { timeout: 300_000 },
  async () => {
    const { site, identity, first, second, says, here, elsewhere } = await twoNights()
    await using _ = site
    says(first, second, forged(site, second))
    const refused = {
      exitCode: 1,
      err: expect.stringMatching(
        /is not encrypted, and this host has no record of it.*\n {2}--allow-unencrypted/,
      ),
    }
    expect(await here()).toMatchObject(refused)
    expect(await here('--identity', identity)).toMatchObject(refused)
    expect(await elsewhere()).toMatchObject(refused)
    expect(await here('--allow-unencrypted')).toMatchObject({ exitCode: 0, file: 'forged' })
  },
)
