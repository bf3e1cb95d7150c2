import { expect, it } from 'vitest'
import type { Night } from '../night.ts'
import { leftovers } from '../servers.ts'
import { config, nothing, other, replace, spoilt, targets, told } from './server.ts'

/** A script that prints a hash of each archive. */
export const archives =
  'cd /look && find hdd9/*day attic/*day -type f 2>/dev/null | sort | xargs -r sha256sum'

// Rule 5: no success for a rsync that ended 23, or an archive that is not verified.
export function failures(night: Night): void {
  it('a mirror that could not be written, and makes no archive of it; an archive that does not read back as it was written', async () => {
    const { machine } = night
    await night.configure(config([spoilt, other].join('\n'), { targets, rest: 'archive: { target: hdd9 }' }))
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
