import { beforeAll, expect, it } from 'vitest'
import type { Night } from '../night.ts'
import { leftovers } from '../servers.ts'
import { config, docs, nothing, other, replace, told } from './server.ts'

const on = (device: string, at: string) => `{ path: ${at}, mounts: [{ device: ${device}, at: ${at} }] }`

/** Disks on which not everything has room. */
export const targets = `
  tiny: ${on('/dev/vdd', '/mnt/tiny')}
  hdd9: ${on('/dev/vde', '/mnt/hdd9')}
  attic: ${on('/dev/vdf', '/mnt/attic')}`

/** A script that prints a hash of each archive. */
export const archives =
  'cd /look && find hdd9/*day attic/*day -type f 2>/dev/null | sort | xargs -r sha256sum'

/** Adopts them, and makes two directories to back up. */
export async function prepareDisks(night: Night): Promise<void> {
  await night.machine.ok('mkdir -p /mnt/tiny /mnt/hdd9 /mnt/attic /srv/large /srv/fixed/folder')
  await night.configure(config(docs, { targets }))
  await night.machine.ok(`set -e; hdsync target adopt --all
    echo first > /srv/large/file; echo first > /srv/fixed/folder/file`)
}

// Rule 5: no success for a rsync that ended 23, or an archive that is not verified.
export function failures(night: Night): void {
  const large = '  large: { path: /srv/large, target: tiny }'
  const setting = { targets, rest: 'archive: { target: hdd9 }' }

  beforeAll(() => prepareDisks(night))

  it('a mirror that could not be written, and makes no archive of it; an archive that does not read back as it was written', async () => {
    const { machine } = night
    const fixed = '  fixed: { path: /srv/fixed, target: hdd1 }'
    const rotten = '  rotten: { path: /srv/rotten, target: hdd1 }'
    await night.configure(config([large, fixed, rotten, other].join('\n'), setting))
    await machine.ok('mkdir /srv/rotten; echo first > /srv/rotten/file')
    expect((await night.run()).code).toBe(0)
    const before = await machine.ok(archives)
    expect(before.split('\n')).toHaveLength(3)

    await machine.ok(`head -c 12M /dev/urandom > /srv/large/random; echo second > /srv/rotten/file
      echo new > /srv/fixed/folder/new; chattr +i /look/hdd1/fixed/folder`)
    const restore = await replace(
      night,
      'dd',
      'case $1 in if=*part) printf rot | /usr/bin/dd of="$(cut -c4- <<< "$1")" seek=10 bs=1 conv=notrunc status=none ;; esac; exec /usr/bin/dd "$@"',
    )
    const { code, result, stderr } = await night.run()
    await restore()
    await machine.ok('chattr -i /look/hdd1/fixed/folder; rm -r /srv/large/random /srv/rotten')
    expect(code).toBe(1)
    expect(told(result)).toEqual({
      large: expect.stringMatching(
        /^failed: sync.run: rsync: error in file I\/O \(No space left on the target\): .*"\/mnt\/tiny\/large\/random"/,
      ),
      fixed: expect.stringMatching(
        /^failed: sync.run: rsync could not copy everything: .*"\/mnt\/hdd1\/fixed\/folder.*: Operation not permitted/,
      ),
      rotten: expect.stringMatching(
        /^failed: archive.weekly: the archive \S+ does not read back as it was written/,
      ),
      other: 'succeeded',
    })
    expect(stderr).toMatch(/large +FAILED at sync.run: .*No space left on device/)
    expect(await machine.ok(archives)).toBe(before)
    expect(await machine.ok('find /look/hdd9 -name "*hdsync-part"')).toBe('')
    expect(await leftovers(machine)).toEqual(nothing)
  })
}
