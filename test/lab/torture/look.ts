import { mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { archiveDisk, live, mirrorDisk, type Server, sources, stateFolder } from './server.ts'

/** What there is on the server and its backup disks while no hdsync runs. */
export interface Sight {
  /** Everything that should not be there any more, in words. */
  leftovers: string[]
  archives: { path: string; sizeBytes: number; torn: boolean }[]
  /** How mirrors differ from their sources, if that was asked for. */
  differences: string[]
  /** Copies on the host: `store/hdsync.db`, `mirror/NAME/ledger.db`, `archive/WEEKDAY/NAME/db/ledger.db`. */
  folder: string
}

export interface LookOptions {
  /** The backup disks as well; they must not be in use. True unless given. */
  disks?: boolean
  /** Compare each mirror with its source, byte for byte: the volumes must not be written to. */
  compare?: boolean
}

let looks = 0

/** Copies only the event store: that can be had at any time when no hdsync runs. */
export async function look(
  { machine }: Server,
  { disks = true, compare = false }: LookOptions = {},
): Promise<Sight> {
  const name = `look${++looks}`
  const folder = join(machine.dir, name)
  mkdirSync(folder)
  const out = `/run/lab/${name}`
  await machine.ok(`{ ${script(out, disks, compare)}\n} > ${out}/sight 2> ${out}/complaints`)
  const sight: Sight = { leftovers: [], archives: [], differences: [], folder }
  for (const line of readFileSync(join(folder, 'sight'), 'utf8').split('\n').filter(Boolean)) {
    const [kind = '', first = '', second = '', ...rest] = line.split(' ')
    if (kind === 'archive')
      sight.archives.push({ path: first, sizeBytes: Number(second), torn: rest[0] === 'torn' })
    else if (kind === 'differs') sight.differences.push(line.slice('differs '.length))
    else sight.leftovers.push(line)
  }
  return sight
}

function script(out: string, disks: boolean, compare: boolean): string {
  return `
    PATH=/usr/sbin:/usr/bin
    mkdir ${out}/store ${out}/mirror ${out}/archive
    cp ${stateFolder}/hdsync.db* ${out}/store
    ${disks ? traces : ''}
    ${disks ? backups(out) : ''}
    ${compare ? sources.map(differences).join('\n') : ''}
    ${disks ? 'umount /run/look/mirror /run/look/archive' : ''}`
}

const traces = String.raw`
    ps -eo comm= | grep -xE 'rsync|tar|zstd|lv[a-z]*|umount|mount' | sed 's/^/running /'
    lvs --noheadings -o lv_full_name,origin | awk 'NF > 1 || /hdsync_/ { print "volume", $1 }'
    dmsetup table | sed -n '/hdsync_\|: 0 [0-9]* snapshot-origin/s/^/device /p'
    dmsetup info -c --noheadings --separator ' ' -o name,suspended | sed -n 's/^\(.*\) Suspended$/suspended \1/p'
    awk '$5 ~ "^/(run/hdsync|mnt/)" { print "mount", $5 }' /proc/self/mountinfo
    find /run/hdsync* -path '*/snapshots/*' 2>/dev/null | sed 's/^/folder /'`

/** Mounting replays a journal, as hdsync's own mount would. A disk that is still mounted was told of above. */
function backups(out: string): string {
  return `
    grep -q ' /mnt/' /proc/mounts && exit
    mkdir -p /run/look/mirror /run/look/archive
    mount -o ro ${mirrorDisk} /run/look/mirror; mount -o ro ${archiveDisk} /run/look/archive
    find /run/look -name '*.hdsync-part' | sed 's/^/part /'
    for source in ${live.join(' ')}; do
      [ -d /run/look/mirror/$source/db ] && cp -r /run/look/mirror/$source/db ${out}/mirror/$source
    done
    set -o pipefail
    for file in /run/look/archive/*/*.tar.zst; do
      [ -e $file ] || continue
      day=$(basename $(dirname $file)) source=$(basename $file .tar.zst) torn=
      mkdir -p ${out}/archive/$day/$source
      case $source in
        plain) zstd -dcq $file | tar -t > /dev/null || torn=torn ;;
        *) zstd -dcq $file | tar -x -C ${out}/archive/$day --no-same-owner --no-same-permissions $source/db || torn=torn ;;
      esac
      echo archive $day/$source.tar.zst $(stat -c %s $file) $torn
    done`
}

function differences(source: (typeof sources)[number]): string {
  const from = source === 'plain' ? '/srv/state/plain' : `/srv/${source}`
  const compare = `rsync -naHAXc --numeric-ids --delete --itemize-changes ${from}/ /run/look/mirror/${source}/`
  return `{ ${compare} || echo rsync ended $?; } 2>&1 | head -20 | sed 's/^/differs ${source} /'`
}
