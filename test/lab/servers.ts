import type { Machine } from './machine.ts'

export type FileSystem = 'reiserfs' | 'ext2' | 'ext3' | 'ext4' | 'xfs'

export interface Volume {
  name: string
  fs: FileSystem
  /** As lvcreate takes it: 100M. Reiserfs needs 40M or so, XFS 300M. */
  size: string
  /** Where it is mounted; nowhere when not given. */
  at?: string
  /** In the thin pool. */
  thin?: boolean
}

export interface Server {
  /** Volume group, vg01 by default. */
  group?: string
  /** /dev/vda by default. */
  disk?: string
  volumes: readonly Volume[]
  /** Size of the thin pool, named `pool`. Needed for thin volumes. */
  pool?: string
}

/** Quiet, forced, and as fast as each can be made. */
const makers: Record<FileSystem, string> = {
  reiserfs: 'mkreiserfs -q -ff',
  ext2: 'mke2fs -q -F -t ext2',
  ext3: 'mke2fs -q -F -t ext3',
  ext4: 'mke2fs -q -F -t ext4',
  xfs: 'mkfs.xfs -q -f',
}

/** Only reiserfs keeps extended attributes and ACLs off unless asked. */
export const mountOptions: Partial<Record<FileSystem, string>> = { reiserfs: 'user_xattr,acl' }

/** A script that builds a server on an empty disk: volume group, pool, volumes, file systems, mounts. */
export function buildServer({ group = 'vg01', disk = '/dev/vda', volumes, pool }: Server): string {
  return [
    'set -e',
    `vgcreate -q ${group} ${disk} >/dev/null`,
    ...(pool ? [`lvcreate -q -L ${pool} --thinpool pool ${group} >/dev/null`] : []),
    ...volumes.flatMap(({ name, fs, size, thin }) => [
      `lvcreate -q -y -Wy ${thin ? `-V ${size} --thinpool pool` : `-L ${size}`} -n ${name} ${group} >/dev/null`,
      `${makers[fs]} /dev/${group}/${name} >/dev/null 2>&1`,
    ]),
    mountVolumes({ group, volumes }),
  ].join('\n')
}

/** A script that activates and mounts it, in the order given: what a server does when it boots again. */
export function mountVolumes({ group = 'vg01', volumes }: Server): string {
  const mounts = volumes.flatMap(({ name, fs, at }) =>
    at
      ? [`mkdir -p ${at}`, `mount -t ${fs} -o ${mountOptions[fs] ?? 'defaults'} /dev/${group}/${name} ${at}`]
      : [],
  )
  return ['set -e', `vgchange -q -ay ${group} >/dev/null`, ...mounts].join('\n')
}

/**
 * A script that fills a folder with one of everything a backup has to bring back: owners, modes, hard and
 * symbolic links, extended attributes, ACLs, holes, odd names, fifo, socket, devices, old and exact times.
 */
export function oddFiles(dir: string): string {
  return String.raw`set -e
    mkdir -p ${dir} && cd ${dir}
    mkdir -p mail/cur mail/new 'with space' empty deep/er/and/deeper
    echo one > mail/cur/1; echo two > mail/cur/2; : > mail/new/empty
    head -c 100000 /dev/zero | tr '\0' x > mail/cur/large
    ln mail/cur/1 mail/new/linked; ln mail/cur/1 deep/er/linked
    ln -s mail/cur/1 relative; ln -s /nowhere/at/all dangling; ln -s ../.. deep/up
    echo odd > $'new\nline'; echo odd > $'tab\there'; echo odd > 'with space/a "quoted" $name'
    echo odd > -dash; echo odd > ' lead'; echo odd > 'trail '; echo odd > 'back\slash'
    echo odd > 'Überraschung-日本語-🗄'; echo odd > $'latin1-caf\xe9'; echo odd > '*'
    mkfifo fifo; mknod character c 1 3; mknod block b 7 200
    perl -MSocket -e 'socket(S, PF_UNIX, SOCK_STREAM, 0); bind(S, sockaddr_un("socket")) or die'
    truncate -s 8M sparse; printf end | dd of=sparse bs=1 seek=5000000 conv=notrunc status=none
    chown 1000:1000 mail/cur/2; chown -h 12345:54321 dangling; chown 65534:65534 empty
    chmod 4755 mail/cur/large; chmod 1777 empty; chmod 0000 mail/new/empty; chmod 2750 deep
    if setfattr -n user.note -v 'kept "exactly"' mail/cur/2 2>/dev/null; then
      setfattr -n user.bytes -v 0x00ff0a mail/cur/2
      setfattr -n user.folder -v yes mail
      setfattr -n trusted.secret -v 1 mail/cur/large
    fi
    if setfacl -m u:1234:rw mail/cur/2 2>/dev/null; then
      setfacl -m g:5678:rx,d:u:1234:rwx mail
    fi
    touch -d '1999-12-31 23:59:59.123456789 UTC' mail/cur/1
    touch -h -d '2001-09-09 01:46:40.5 UTC' relative
    touch -d '2002-02-02 02:02:02.020202020 UTC' mail .`
}

/** Volumes that are snapshots, and what is mounted under /run/hdsync or below /mnt. */
export interface Leftovers {
  /** As vg01/name, sorted. */
  snapshots: string[]
  /** Mount points, sorted. */
  mounts: string[]
}

/** What a backup has to have cleaned up. */
export async function leftovers(machine: Machine): Promise<Leftovers> {
  const snapshots = await machine.ok('lvs --noheadings -o lv_full_name -S \'origin!=""\'')
  const mounts = await machine.ok('awk \'$5 ~ "^/(run/hdsync|mnt/)" { print $5 }\' /proc/self/mountinfo')
  return { snapshots: words(snapshots), mounts: words(mounts) }
}

function words(text: string): string[] {
  return text.split(/\s+/).filter(Boolean).sort()
}
