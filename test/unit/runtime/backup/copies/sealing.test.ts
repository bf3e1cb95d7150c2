import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { tidyUnencrypted } from '../../../../../runtime/backup/copies/sealing.ts'
import { parseConfig } from '../../../../../runtime/config/config.ts'
import { temporaryFolder } from '../../../temporary-folder.ts'

test('what was encrypted goes once no copy is encrypted any more', () => {
  const disk = temporaryFolder()
  const config = (more: string) =>
    parseConfig(
      `sources: { home: { path: /home, target: disk } }
targets: { disk: { path: ${disk} } }
archive: { target: disk }
copies: { offsite: { ssh: backup@vault.example.org, keyFile: /etc/hdsync/vault.key${more} } }
`,
      'hdsync.yaml',
    )
  const folder = join(disk, '.hdsync-sealed')
  mkdirSync(folder)
  writeFileSync(join(folder, `offsite.${'a'.repeat(64)}.part`), 'cut off')
  tidyUnencrypted({ config: config(', encryptTo: /etc/hdsync/recipients.txt') })
  expect(existsSync(folder)).toBe(true)
  tidyUnencrypted({ config: config('') })
  expect(existsSync(folder)).toBe(false)
})
