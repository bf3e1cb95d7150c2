import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { RunResult } from '../../../events/index.ts'
import type { Night, Setting } from '../night.ts'
import type { Leftovers } from '../servers.ts'

// Each rule of "What must never happen" in the design has a test here that fails without its protection;
// the sixth, crashes, has test files of its own.

export const disks = ['hdd1', 'spare', 'tiny', 'hdd9', 'attic', 'blank']

/** @param targets Further ones. */
export function config(sources: string, { targets = '', rest = '' } = {}): string {
  return `
sources:
${sources}
targets:
  hdd1: { path: /mnt/hdd1, mounts: [{ device: /dev/vdb, at: /mnt/hdd1 }] }
  here: { path: /mnt/here }
${targets}
${rest}
`
}

const on = (device: string, at: string) => `{ path: ${at}, mounts: [{ device: ${device}, at: ${at} }] }`

/** Disks on which not everything has room. */
export const targets = `
  tiny: ${on('/dev/vdd', '/mnt/tiny')}
  hdd9: ${on('/dev/vde', '/mnt/hdd9')}
  attic: ${on('/dev/vdf', '/mnt/attic')}`

export const other = '  other: { path: /srv/other, target: here, archive: false }'
export const docs = '  docs: { path: /srv/docs, target: hdd1 }'
export const volume = (name: string, options = '') =>
  `  ${name}: { lv: vg01/lv_${name}, target: hdd1, ${options} mount: { backoff: 10ms..20ms } }`
const names = ['var', 'home', 'mail']
export const volumes = names.map((name) => volume(name)).join('\n')
/** Directories whose mirrors, or whose archives, are spoilt later. */
export const spoilt = `  large: { path: /srv/large, target: tiny }
  fixed: { path: /srv/fixed, target: hdd1 }
  rotten: { path: /srv/rotten, target: hdd1 }`

/** Three small volumes, two directories, and a box of old disks, each of which can be seen below /look. */
export const server: Setting = {
  server: {
    volumes: ['var', 'home', 'mail'].map((name) => ({
      name: `lv_${name}`,
      fs: 'ext4',
      size: '16M',
      at: `/srv/${name}`,
    })),
  },
  group: 132,
  disks: [48, 16, 8, 24, 8, 8],
  prepare: `
    mkdir -p /mnt/{hdd1,here,tiny,hdd9,attic} /srv/{docs,other,large,rotten} /srv/fixed/folder
    for folder in /srv/{var,home,mail,docs}; do for n in {1..10}; do echo $folder > $folder/$n; done; done
    echo other > /srv/other/file; for file in large rotten fixed/folder; do echo first > /srv/$file/file; done
    device=b
    for disk in ${disks.join(' ')}; do
      mke2fs -q -t ext4 /dev/vd$device; mkdir -p /look/$disk; mount /dev/vd$device /look/$disk
      device=$(tr b-f c-g <<< $device)
    done
    hdsync target adopt --all; hdsync run --quiet`,
  config: config(
    [
      ...names.map((name) => volume(name, 'archive: false,')),
      docs.replace(' }', ', archive: false }'),
      other,
      spoilt,
    ].join('\n'),
    { targets, rest: 'archive: { target: hdd9 }' },
  ),
}

export const nothing: Leftovers = { snapshots: [], mounts: [] }

/** The state of each source, with the reason where there is one. */
export function told({ sources }: RunResult): Record<string, string> {
  return Object.fromEntries(
    sources.map(({ source, state, error }) => [source, error ? `${state}: ${error}` : state]),
  )
}

/** A script that writes what blkid knows btrfs by: mkfs.btrfs is not part of the lab. */
export function btrfsSuperblock(device: string): string {
  return String.raw`perl -e '
    my $s = "\0" x 4096;
    substr($s, 0x20, 48) = "btrfs-test-uuid!" . pack("Q<Q<", 65536, 1) . "_BHRfS_M" . pack("Q<", 1);
    substr($s, 0x70, 36) = pack "Q<Q<Q<Q<L<", 4 << 20, 131072, 6, 1, 4096;
    substr($s, 0x94, 4) = pack "L<", 4096;
    my $crc = 0xffffffff;
    for (unpack "C*", substr $s, 32) { $crc ^= $_; $crc = $crc & 1 ? ($crc >> 1) ^ 0x82f63b78 : $crc >> 1 for 1 .. 8 }
    print pack("L<", $crc ^ 0xffffffff), substr $s, 4' | dd of=${device} bs=64K seek=1 conv=notrunc status=none`
}

/** From now on a program is this script, until what is returned is called. */
export async function replace(
  { machine }: Night,
  program: string,
  script: string,
): Promise<() => Promise<void>> {
  const file = `/usr/local/sbin/${program}`
  const given = `${program}-${Date.now()}`
  writeFileSync(join(machine.dir, given), `#!/bin/bash\n${script}\n`)
  await machine.ok(`install -m 755 /run/lab/${given} ${file}`)
  return async () => {
    await machine.ok(`rm ${file}`)
  }
}
