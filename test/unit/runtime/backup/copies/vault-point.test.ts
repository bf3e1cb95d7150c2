import { expect, test } from 'vitest'
import { vaultPointToRead } from '../../../../../runtime/backup/copies/vault-point.ts'
import { parseConfig } from '../../../../../runtime/config/config.ts'

const config = parseConfig(
  `sources: { var: { path: /srv/var, target: disk } }
targets: { disk: { path: /mnt/disk } }
archive: { target: disk }
copies:
  offsite: { ssh: backup@one.example, keyFile: /etc/hdsync/vault.key }
  offsite-2: { ssh: backup@two.example, keyFile: /etc/hdsync/vault.key }
`,
  '/etc/hdsync/hdsync.yaml',
)

/** The place that is asked for a restore point. */
async function asked(id: string): Promise<string | undefined> {
  let name: string | undefined
  const read = vaultPointToRead(id, 'var', config, {
    linkTo(place) {
      name = place.name
      throw new Error('asked')
    },
    proved: () => [],
    onProgress() {},
  })
  await read.catch(() => {})
  return name
}

test.each([
  ['var@offsite-2026-11-27', 'offsite'],
  ['var@offsite-2026-11-27/3f0c9a12', 'offsite'],
  ['var@offsite-2-2026-11-27', 'offsite-2'],
  ['var@disk-2026-11-27', undefined],
  ['home@offsite-2026-11-27', undefined],
])('%s lies in %s', async (id, place) => {
  expect(await asked(id)).toBe(place)
})
