import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { admit } from '../../../runtime/backup/vault/admit.ts'
import { offer } from '../../../runtime/backup/vault/offer.ts'
import { pullHost } from '../../../runtime/backup/vault/pull.ts'
import { settingsOf } from '../../../runtime/backup/vault/vault.ts'
import { toolsFor, vaultOf } from '../../../runtime/cli/vault/door.ts'
import { loadConfig } from '../../../runtime/config/load.ts'
import { pullBytes } from '../../../runtime/host/vault/pull-bytes.ts'
import { archiveOf } from '../runtime/backup/vault/in-process.ts'
import { digest } from './copy-site.ts'
import { PullSite } from './vault/pull-site.ts'
import { whyNoSshd } from './vault/sshd.ts'

const testWithSshd = test.skipIf(whyNoSshd !== undefined)

/** A host that answers as a script says which each test writes: `$GIVE` is the true answer. */
async function liar() {
  const site = await PullSite.made({ words: 'home', command: '. "$HERE/lie"' })
  return {
    site,
    async pull(script: string) {
      writeFileSync(site.there('lie'), `${script}\n`)
      return await site.pull()
    },
  }
}

/** Changes what the host lists. */
const listed = (expression: string) =>
  `case "$SSH_ORIGINAL_COMMAND" in *list*) $GIVE | sed '${expression}';; *) exec $GIVE;; esac`
/** Says the truth, and sends something else. */
const sends = (script: string) => `case "$SSH_ORIGINAL_COMMAND" in *list*) exec $GIVE;; esac; ${script}`

testWithSshd('nothing that a host says is believed', { timeout: 300_000 }, async () => {
  const { site, pull } = await liar()
  await using _ = site
  const refused = async (script: string, reason: RegExp) => {
    const { exitCode, archives, error } = await pull(script)
    expect({ exitCode, archives, error }).toEqual({
      ...{ exitCode: 1, archives: 0 },
      error: expect.stringMatching(reason),
    })
    expect(error).not.toMatch(/\p{Cc}/u)
    expect(site.accepted()).toEqual([])
  }
  const size = '"sizeBytes":[0-9]*'
  await refused(listed(`s/${size}/"sizeBytes":5/`), /more came than was offered/)
  await refused(listed(`s/${size}/"sizeBytes":99999/`), /\d+ of 99999 bytes of home have come/)
  await refused(listed(`s/${size}/"sizeBytes":562949953421312/`), /the disk of the vault is full/)
  await refused(listed(`s/${size}/"sizeBytes":-1/`), /does not answer as `hdsync give` does/)
  for (const name of ['../../../etc', 'a/b', '/etc', '..', 'x\\u001b[31m', '-e'])
    await refused(
      listed(`s,"source":"home","source":"${name.replaceAll('\\', '\\\\')}",`),
      /does not answer as/,
    )
  await refused('head -c 3000000 /dev/zero', /longer than 2097152 bytes/)
  await refused(listed('s/"sha256":"[0-9a-f]*"/"sha256":"..\\/..\\/x"/'), /does not answer as/)
  await refused(`printf 'no JSON\\n'`, /does not answer as/)
  await refused('yes', /is longer than \d+ bytes/)
  await refused(`printf '\\033]0;evil\\007 it is\\n' >&2; exit 1`, /evil {2}?it is/)
  await refused(
    `printf '{"v":1,"ok":false,"isFinal":true,"error":"\\\\u001b[31mno"}\\n'; exit 1`,
    /refuses: \[31mno/,
  )
  await refused(sends('exit 0'), /nothing has come/)
  await refused(sends('tr -d "\\\\n" < /dev/urandom'), /something else has come/)
  for (const line of [
    'rsync --server --sender -e.LsfxCIvu . /etc/passwd',
    `rsync --server -Ie.LsfxCIvu --timeout=600 --inplace . ../../${'a'.repeat(64)}`,
    `rsync --server -Ie.LsfxCIvu --timeout=600 --inplace . ${'a'.repeat(64)}`,
    'rsync --server -vlogDtprIe.LsfxCIvu --delete . .',
  ])
    await refused(sends(`echo '${line}'; cat`), /rsync asks for something else than it was let in for/)
  const name = digest(site.archive())
  const asRsync = `rsync --server -Ie.LsfxCIvu --timeout=600 --inplace . ${name}`
  await refused(sends(`echo '${asRsync}'; head -c 100000 /dev/urandom`), /rsync ended with|connection|broke/)
  expect(readdirSync(join(site.vault, 'web1/proving'))).toEqual([])
  // What was told is told of the last lie; the truth is taken after all of them.
  expect(await pull('exec $GIVE')).toMatchObject({ exitCode: 0, archives: 1, error: null })
  expect(site.accepted().map(digest)).toEqual([name])
})

testWithSshd('an archive that is not what was listed is not accepted, and is fetched anew', async () => {
  const { site, pull } = await liar()
  await using _ = site
  const [archive, away] = [site.archive(), site.at('disk', 'away')]
  execFileSync('cp', ['--preserve=all', archive, away])
  const rotten = readFileSync(archive).map((byte, n) => (n === 20 ? byte ^ 1 : byte))
  // As bit rot does it: the same file, of the same age.
  writeFileSync(archive, rotten)
  execFileSync('touch', ['--reference', away, archive])
  const wrong = await pull('exec $GIVE')
  expect(wrong).toMatchObject({ exitCode: 1, archives: 0 })
  expect(wrong.error).toMatch(/is not what was offered \(SHA-256 .*\): it is removed/)
  expect(site.accepted()).toEqual([])
  writeFileSync(archive, readFileSync(away))
  execFileSync('touch', ['--reference', away, archive])
  expect(await pull('exec $GIVE')).toMatchObject({ exitCode: 0, archives: 1 })
})

testWithSshd('the key of a vault lists and reads finished archives, and does nothing else', async () => {
  await using site = await PullSite.made({ words: 'home' })
  const { code, out } = site.ask('{"v":1,"do":"list"}')
  expect(code).toBe(0)
  expect(JSON.parse(out).archives).toMatchObject([{ source: 'home', sha256: digest(site.archive()) }])
  const www = digest(site.archive('www'))
  for (const command of [
    ...[
      '',
      'sh',
      'id',
      'cat /etc/passwd',
      'hdsync run',
      'scp -f /etc/passwd',
      '/usr/lib/openssh/sftp-server',
    ],
    'rsync --server --sender -logDtpre.iLsfxCIvu . /etc/passwd',
    `rsync --server --sender -logDtpre.iLsfxCIvu . ${www}`,
    `rsync --server -Ie.LsfxCIvu --timeout=600 --inplace . ${www}`,
    '{"v":1,"do":"list"}; id',
    '{"v":2,"do":"list"}',
    '{"v":1,"do":"get","sha256":"/etc/passwd"}',
    '{"v":1,"do":"offer"}',
    '{"v":1,"do":"list","path":"/etc"}',
    '{"v":1,"do":"send","sha256":"../../etc/passwd"}',
    `{"v":1,"do":"send","sha256":"${'a'.repeat(64)}"}`,
    // Of a source that is not named behind `hdsync give`.
    `{"v":1,"do":"send","sha256":"${www}"}`,
    `{"v":1,"do":"list","more":"${'a'.repeat(5000)}"}`,
  ]) {
    const said = site.ask(command)
    expect(said, command).toMatchObject({ code: 1, out: '', err: expect.stringMatching(/^hdsync: .+\n$/) })
  }
})

testWithSshd('a host that sends for days makes way for others, and goes on the next time', async () => {
  await using site = await PullSite.made()
  const vault = vaultOf(await loadConfig({ path: site.vaultConfig, env: {} }))
  const days = () => site.accepted().length + site.accepted('www').length
  const slow = { ...toolsFor(vault), now: () => Date.now() + days() * 4 * 86_400_000 }
  expect(await pullHost('web1', slow)).toMatchObject({ archives: 1, waiting: 1, error: null })
  expect(await site.pull()).toMatchObject({ archives: 1, waiting: 0 })
})

testWithSshd('a vault that was taken over reads no more than a few archives at a time', async () => {
  await using site = await PullSite.made({ words: 'home' })
  const send = JSON.stringify({ v: 1, do: 'send', sha256: digest(site.archive()) })
  // Each waits for what the vault's rsync never says.
  const stalled = Array.from({ length: 4 }, () => site.open(send))
  for (const one of stalled) await once(one.stdout, 'data')
  expect(site.ask(send)).toMatchObject({
    code: 1,
    err: expect.stringContaining('4 archives are being sent to vaults: ask again later'),
  })
  expect(site.ask('{"v":1,"do":"list"}')).toMatchObject({ code: 0 })
  for (const one of stalled) one.kill()
  await expect.poll(async () => (await site.pull()).archives, { timeout: 60_000 }).toBe(1)
})

testWithSshd('a host that sends too slowly is ended, and has the vault for no longer', async () => {
  const { site } = await liar()
  await using _ = site
  const name = digest(site.archive())
  const asRsync = `rsync --server -Ie.LsfxCIvu --timeout=600 --inplace . ${name}`
  writeFileSync(site.there('lie'), sends(`echo '${asRsync}'; exec sleep 600`))
  const vault = vaultOf(await loadConfig({ path: site.vaultConfig, env: {} }))
  const tools = toolsFor(vault)
  const { pull } = settingsOf(vault, 'web1')
  if (!pull) throw new Error('it is not fetched from')
  const sizeBytes = statSync(site.archive()).size
  await offer(
    'web1',
    { source: 'home', at: '2026-11-30T02:00:00.000Z', form: 'tar.zst', sizeBytes, sha256: name },
    tools,
  )
  const admission = { ...(await admit('web1', name, tools)), mostMs: 1000 }
  const reach = { ...pull, isHost: true } as const
  const { failure, isWhole } = await pullBytes(admission, { ...tools, host: 'web1', reach, limit: [] })
  expect(isWhole).toBe(false)
  expect(String(failure)).toMatch(/rsync was ended on the vault after 1s: what has come stays/)
  expect(await offer('web1', archiveOf(Buffer.of(1)), tools)).toMatchObject({ has: false })
})
