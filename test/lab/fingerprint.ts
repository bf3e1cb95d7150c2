import type { Machine } from './machine.ts'

export interface FingerprintOptions {
  /** Times to the second: for file systems without finer ones (ext2, ext3, reiserfs). */
  wholeSeconds?: boolean
  /** Paths below the folder to leave out, as find's -path takes them: './busy'. */
  without?: string[]
}

/**
 * Describes everything a tree holds that a backup has to keep, a line each, in the same words for the
 * same tree: path, type, mode, owner, size, time, hard links, link target, device, content, then extended
 * attributes and ACLs. /lost+found is left out, and what a night notes of the machine. Two trees are equal when their fingerprints are.
 */
export async function fingerprint(
  machine: Machine,
  dir: string,
  { wholeSeconds = false, without = [] }: FingerprintOptions = {},
): Promise<string> {
  const script = tell(dir, ['./lost+found', './.hdsync-machine', ...without])
  const [files = '', hashes = '', attributes = ''] = (await machine.ok(script)).split('\0\x02\0')
  const hash = new Map(records(hashes).map((line) => [line.slice(66), line.slice(0, 64)]))
  const firstName = new Map<string, string>()
  const lines = records(files).map((record) => {
    const [path = '', type, mode, owner, size, time = '', links, inode = '', target, device] =
      record.split('\x01')
    const first = firstName.get(inode) ?? path
    firstName.set(inode, first)
    return [
      JSON.stringify(path),
      type,
      mode,
      owner,
      // A folder's size says how its file system stores names.
      type === 'd' ? '' : `size=${size}`,
      wholeSeconds ? time.replace(/\..*/, '') : time,
      links === '1' || type === 'd' ? '' : `links=${links}:${JSON.stringify(first)}`,
      target ? `-> ${JSON.stringify(target)}` : '',
      type === 'c' || type === 'b' ? device : '',
      hash.get(path) ?? '',
    ]
      .filter(Boolean)
      .join(' ')
  })
  return [...lines, '', attributes.trim(), ''].join('\n')
}

function records(text: string): string[] {
  return text.split('\0').filter(Boolean)
}

/** find does not know device numbers, stat does not know targets as they are: each line joins both. */
function tell(dir: string, without: string[]): string {
  const prune = without.map((path) => `-path '${path}'`).join(' -o ')
  const find = `find . \\( ${prune} \\) -prune -o`
  return String.raw`set -e -o pipefail
    export LC_ALL=C
    cd '${dir}'
    ${find} -printf '%p\1%y\1%m\1%U:%G\1%s\1%T@\1%n\1%D:%i\1%l\1\0' | sort -z > /run/names.$$
    ${find} -print0 | sort -z | xargs -0r stat --printf '%t:%T\0' > /run/devices.$$
    perl -0 -e '
      open my $names, "<", shift; open my $devices, "<", shift;
      while (my $name = <$names>) { chomp $name; print $name, scalar <$devices> }' /run/names.$$ /run/devices.$$
    printf '\0\2\0'
    ${find} -type f -print0 | sort -z | xargs -0r sha256sum -z
    printf '\0\2\0'
    ${find} -print0 | sort -z | xargs -0r getfattr -h -d -e hex -m '^(user|trusted|security)\.' -- | grep -av '^trusted.SGI_ACL' || true
    ${find} -print0 | sort -z | xargs -0r getfacl -nsP --
    rm /run/names.$$ /run/devices.$$`
}
