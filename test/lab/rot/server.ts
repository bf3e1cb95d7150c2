import type { Night, Setting } from '../night.ts'

/** A live volume with a hundred files and odd ones, a disk for its mirror, and one for its archives. */
export const setting: Setting = {
  server: { volumes: [{ name: 'lv_var', fs: 'ext4', size: '48M', at: '/srv/var' }] },
  group: 120,
  disks: [64, 64],
  prepare: `
    for disk in b c; do mke2fs -q -t ext4 /dev/vd$disk; done
    mkdir -p /mnt/hdd1 /mnt/hdd9 /srv/var/many
    for n in $(seq 100); do head -c 1500 /dev/urandom | base64 > /srv/var/many/$n; done
    hdsync target adopt --all; sync; sleep 0.1`,
  config: `
sources:
  var: { lv: vg01/lv_var, target: hdd1 }
targets:
  hdd1: { path: /mnt/hdd1, mounts: [{ device: /dev/vdb, at: /mnt/hdd1 }] }
  hdd9: { path: /mnt/hdd9, mounts: [{ device: /dev/vdc, at: /mnt/hdd9 }] }
archive: { target: hdd9 }
verify: { budget: 30m }
`,
}

/** How a verification ended. */
export interface Verified {
  state: string
  files: number
  archives: number
  healed: number
  doubtful: number
  damaged: string[]
}

/** Files of the mirror, as its disk has them. */
export const names = (...numbers: number[]) => numbers.map((n) => `/var/many/${n}`)

/** What rots, and what is found. */
export function rotting(night: Night) {
  const { machine } = night
  /** Flips a bit in the first blocks of files, on the disk itself: no file system knows of it. */
  const rot = (device: string, paths: readonly string[], blocks = 1) =>
    machine.ok(`
      size=$(dumpe2fs -h /dev/${device} 2>/dev/null | awk '/^Block size/ { print $3 }')
      for path in ${paths.join(' ')}; do for n in $(seq 0 ${blocks - 1}); do echo "bmap $path $n"; done; done >/run/bmap
      debugfs -f /run/bmap /dev/${device} 2>/dev/null | grep '^[1-9][0-9]*$' |
        perl -e 'open(D, "+<", "/dev/${device}") or die; while (<STDIN>) { seek(D, $_ * '$size' + 9, 0); read(D, $b, 1)
          or die; seek(D, -1, 1); print D chr(ord($b) ^ 1); $all += 1 } close(D) or die; die "none" unless $all'
      sync; blockdev --flushbufs /dev/${device}; echo 3 >/proc/sys/vm/drop_caches`)
  /** The newest archive. Returns its path. */
  const rotArchive = async () => {
    const archive = (await onDisk('vdc', '(cd /mnt/hdd1; ls -dt *day/var.tar.zst | head -1)')).trim()
    await rot('vdc', [`/${archive}`], 400)
    return `/mnt/hdd9/${archive}`
  }
  const verify = async (...words: string[]): Promise<{ code: number; result: Verified }> => {
    const { code, stdout, stderr } = await night.hdsync('verify', '--json', ...words)
    if (stdout === '') throw new Error(`exit ${code}: ${stderr}`)
    return { code, result: JSON.parse(stdout) as Verified }
  }
  const onDisk = (device: string, script: string) =>
    machine.ok(`mount -o ro /dev/${device} /mnt/hdd1; ${script}; umount /mnt/hdd1`)
  const same = () => onDisk('vdb', 'diff -r --brief --exclude=lost+found /srv/var /mnt/hdd1/var && echo same')
  return { rot, rotArchive, verify, onDisk, same }
}
