import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { readSecret } from '../../../../runtime/config/secret.ts'
import { readSecrets } from '../../../../runtime/http/secrets.ts'
import { temporaryFolder } from '../../temporary-folder.ts'

function fileOf(text: string, mode = 0o600): string {
  const file = join(temporaryFolder(), 'secret')
  writeFileSync(file, text)
  chmodSync(file, mode)
  return file
}

const asRoot = process.geteuid?.() === 0

describe('readSecret()', () => {
  test('leaves out the end of the line', async () => {
    expect(await readSecret(fileOf('abc\n'), 'http.tokenFile')).toBe('abc')
  })

  test.runIf(asRoot).each([0o604, 0o644])('refuses root a file of mode %o', async (mode) => {
    const file = fileOf('abc', mode)
    await expect(readSecret(file, 'http.tokenFile')).rejects.toThrow(
      new RegExp(
        `^${file}: http\\.tokenFile: expected a file .*, found mode 0${mode.toString(8)}\\n {2}run: chmod `,
      ),
    )
  })

  test.each([
    ['an empty file', '\n', 'expected a secret, found an empty file'],
    ['a file that is too large', 'x'.repeat(5000), 'expected at most 4096 bytes, found 5000'],
  ])('refuses %s', async (_, text, message) => {
    await expect(readSecret(fileOf(text), 'http.tokenFile')).rejects.toThrow(message)
  })

  test('names a file that is not there, and a folder', async () => {
    await expect(readSecret('/nowhere/token', 'http.tokenFile')).rejects.toThrow(
      '/nowhere/token: http.tokenFile: expected a file with a secret, found none',
    )
    await expect(readSecret(temporaryFolder(), 'http.tokenFile')).rejects.toThrow('found a folder')
  })
})

describe('readSecrets()', () => {
  const http = (more: object) => ({
    http: { restore: false, hosts: [], rateLimit: { perSecond: 1, burst: 1 }, webhooks: {}, ...more },
  })

  test('has nothing to read without `http`', async () => {
    expect(await readSecrets({} as never)).toEqual({ token: undefined, webhooks: new Map() })
  })

  test('refuses a token that is short, or that no header can carry', async () => {
    for (const token of ['short', 'sixteen letters, but with blanks']) {
      await expect(readSecrets(http({ tokenFile: fileOf(token) }))).rejects.toThrow(
        /http\.tokenFile: expected a token of at least 16 letters.*openssl rand -hex 32/s,
      )
    }
  })

  test('refuses the secret of a webhook that is none, and does not show it', async () => {
    const secretFile = fileOf('whsec_§§§')
    const webhooks = { deploy: { secretFile, event: 'backup.start', data: {} } }
    const refused = readSecrets(http({ webhooks }))
    await expect(refused).rejects.toThrow(
      /http\.webhooks\.deploy\.secretFile: expected a secret such as whsec_/,
    )
    await expect(refused).rejects.not.toThrow('§§§')
  })
})
