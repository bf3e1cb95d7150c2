import { mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { assertTrustedFile, refuseUntrusted } from '../../../../runtime/config/trust.ts'

const file = '/etc/hdsync/hdsync.yaml'
const MODE_REGULAR = 0o100_000

describe('refuseUntrusted()', () => {
  test('takes a file that only root can write', () => {
    expect(() => refuseUntrusted(file, { uid: 0, mode: MODE_REGULAR | 0o644 }, 0)).not.toThrow()
  })

  test('lets a user use what they own, whatever its mode', () => {
    expect(() => refuseUntrusted(file, { uid: 1000, mode: MODE_REGULAR | 0o666 }, 1000)).not.toThrow()
  })

  test.each([0o664, 0o646, 0o602])('refuses root a file of mode %o, with the command to run', (mode) => {
    expect(() => refuseUntrusted(file, { uid: 0, mode: MODE_REGULAR | mode }, 0)).toThrow(
      `${file}: expected a file that only root can write, found mode 0${mode.toString(8)}\n  run: chmod go-w ${file}`,
    )
  })

  test('refuses root a file of somebody else, and quotes its name for the shell', () => {
    expect(() => refuseUntrusted("/tmp/it's mine", { uid: 1000, mode: MODE_REGULAR | 0o644 }, 0)).toThrow(
      "/tmp/it's mine: expected a file that root owns, found one of user 1000\n  run: chown root:root '/tmp/it'\\''s mine'",
    )
  })

  test('tells of the owner and the mode in one go', () => {
    expect(() => refuseUntrusted(file, { uid: 1000, mode: MODE_REGULAR | 0o666 }, 0)).toThrow(
      /the config has 2 problems.*chown.*chmod/s,
    )
  })
})

test('assertTrustedFile() looks at the file on disk', async () => {
  const path = join(await mkdtemp(join(tmpdir(), 'hdsync-trust-')), 'page.ts')
  await writeFile(path, '', { mode: 0o600 })
  await expect(assertTrustedFile(path, 1000)).resolves.toBeUndefined()
  if (process.geteuid?.() === 0) await expect(assertTrustedFile(path, 0)).resolves.toBeUndefined()
  else await expect(assertTrustedFile(path, 0)).rejects.toThrow('expected a file that root owns')
})
