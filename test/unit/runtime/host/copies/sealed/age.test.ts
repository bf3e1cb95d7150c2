import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { createWriteStream, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { zstdCompressSync } from 'node:zlib'
import { expect, test } from 'vitest'
import {
  type CommandRunner,
  createRunner,
  unobserved,
} from '../../../../../../runtime/host/command/command.ts'
import { isInstalled } from '../../../../../../runtime/host/command/packages.ts'
import { encryptTo, proveRecipients } from '../../../../../../runtime/host/copies/sealed/age.ts'
import { footerOf, headLine, sealedMagic } from '../../../../../../runtime/host/copies/sealed/layout.ts'
import { unseal } from '../../../../../../runtime/host/copies/sealed/unseal.ts'
import { temporaryFolder } from '../../../../temporary-folder.ts'

const withAge = test.skipIf(!isInstalled('age'))
const runner = createRunner({ observer: unobserved, signal: new AbortController().signal, owner: 'test' })

/** An identity, and its recipient in a file. */
function keys() {
  const folder = temporaryFolder()
  const [identityFile, recipientsFile] = [join(folder, 'identity'), join(folder, 'recipients.txt')]
  execFileSync('age-keygen', ['-o', identityFile], { stdio: 'pipe' })
  writeFileSync(recipientsFile, execFileSync('age-keygen', ['-y', identityFile]))
  return { folder, identityFile, recipientsFile }
}

withAge('a recipient that age leaves out is an error, though age exits with 0', async () => {
  const { folder, recipientsFile } = keys()
  await proveRecipients(recipientsFile, runner)
  execFileSync('ssh-keygen', ['-q', '-t', 'rsa', '-b', '1024', '-N', '', '-f', join(folder, 'short')])
  writeFileSync(recipientsFile, readFileSync(join(folder, 'short.pub')), { flag: 'a' })
  const { input, ended } = await encryptTo(recipientsFile, createWriteStream(join(folder, 'list')), runner)
  input.end('one')
  await expect(ended).rejects.toThrow(/age does not encrypt to each recipient in .*: .*ignoring.*SSH key/)
  await expect(proveRecipients(recipientsFile, runner)).rejects.toThrow(/does not encrypt to each recipient/)
})

withAge('what age says is told, however much it was to encrypt', async () => {
  const { folder, recipientsFile } = keys()
  writeFileSync(recipientsFile, 'age1qqqqqqqq\n')
  const { input, ended } = await encryptTo(recipientsFile, createWriteStream(join(folder, 'list')), runner)
  input.on('error', () => {})
  input.end(randomBytes(4_000_000))
  await expect(ended).rejects.toThrow(/age does not encrypt to .*recipients.txt: .*malformed recipient/)
  await expect(proveRecipients(recipientsFile, runner)).rejects.toThrow(/malformed recipient/)
})

withAge('a list that cannot be written is told of as that', async () => {
  const { recipientsFile } = keys()
  const { input, ended } = await encryptTo(recipientsFile, createWriteStream('/dev/full'), runner)
  input.on('error', () => {})
  input.end(randomBytes(4_000_000))
  await expect(ended).rejects.toThrow(/ENOSPC/)
})

withAge('age has ended once a copy with a long list is refused', async () => {
  const { folder, identityFile, recipientsFile } = keys()
  const head = {
    sizeBytes: 7,
    sha256: '0'.repeat(64),
    source: 'home',
    at: '2026-11-28T03:12:45.123Z',
    user: 'web1',
  }
  const lines = Array.from({ length: 20_000 }, () => `1 ${randomBytes(32).toString('hex')}\n`)
  const text = zstdCompressSync(`${headLine(head)}${lines.join('')}`)
  const list = execFileSync('age', ['--encrypt', '-R', recipientsFile], { input: text })
  const [sealed, to] = [join(folder, 'copy'), join(folder, 'opened')]
  writeFileSync(sealed, Buffer.concat([sealedMagic, list, footerOf(list.length)]))
  const started: Promise<unknown>[] = []
  const watched: CommandRunner = {
    run: runner.run,
    async open(command) {
      const opened = await runner.open(command)
      started.push(opened.result)
      return opened
    },
  }
  await expect(unseal({ sealed, to, identityFile }, watched)).rejects.toThrow(/0 bytes of an archive of 7/)
  expect(started).toHaveLength(1)
  await Promise.allSettled(started)
  expect(existsSync(to)).toBe(false)
})
