import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { systemAvailable } from './root.ts'
import { SystemServer } from './server.ts'

const available = systemAvailable()

describe.skipIf(!available.ok)(`a server with systemd${available.ok ? '' : ` (${available.why})`}`, () => {
  const server = new SystemServer()
  beforeAll(() => server.build())
  afterAll(() => server.cutPower())

  it('has systemd as process 1, and every unit of it came up', async () => {
    expect(
      await server.ok('cat /proc/1/comm; systemctl is-system-running; systemctl --failed --no-legend'),
    ).toBe('systemd\nrunning')
  })

  it('has udev, which finds volumes and file systems by their names', async () => {
    expect(await server.ok('readlink -f /dev/disk/by-id/dm-name-vg01-lv_home')).toBe(
      await server.ok('readlink -f /dev/vg01/lv_home'),
    )
    expect(await server.ok('readlink -f /dev/disk/by-uuid/$(findmnt -no UUID /mnt/backup)')).toBe('/dev/vdb')
  })

  it('takes and drops snapshots while udev looks on', async () => {
    await server.ok('lvcreate -q -s -L 16M -n snap vg01/lv_var; test -e /dev/disk/by-id/dm-name-vg01-snap')
    await server.ok(
      'mount -o ro /dev/vg01/snap /mnt; umount /mnt; lvremove -q -f vg01/snap; test ! -e /dev/vg01/snap',
    )
  })

  it('comes back with its volumes, mounts and changes after a power cut', async () => {
    await server.ok('echo kept > /srv/home/kept; touch /root/kept; sync')
    await server.cutPower()
    await server.boot()
    expect(
      await server.ok(
        'cat /srv/home/kept; ls /root; findmnt -no SOURCE /srv/var; systemctl is-system-running',
      ),
    ).toBe('kept\nkept\n/dev/mapper/vg01-lv_var\nrunning')
  })
})
