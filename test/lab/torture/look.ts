import { execFile } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { basename, join } from 'node:path'
import { promisify } from 'node:util'
import { archiveDisk, folderOf, live, mirrorDisk, type Server, type Source, stateFolder } from './server.ts'

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
  /** Compare the mirrors of these sources with them, byte for byte: they must not be written to. */
  compare?: readonly Source[]
}

const run = promisify(execFile)
let looks = 0

/** Copies only the event store: that can be had at any time when no hdsync runs. */
export async function look(
  { machine }: Server,
  { disks = true, compare = [] }: LookOptions = {},
): Promise<Sight> {
  const name = `look${++looks}`
  const folder = join(machine.dir, name)
  mkdirSync(folder)
  const out = `/run/lab/${name}`
  await machine.ok(`{ ${script(out, disks, compare)}\n} > ${out}/sight 2> ${out}/complaints`)
  const archives = await Promise.all(archivesIn(join(folder, 'kept')).map((path) => read(path, folder)))
  const sight: Sight = { leftovers: [], archives, differences: [], folder }
  for (const line of readFileSync(join(folder, 'sight'), 'utf8').split('\n').filter(Boolean)) {
    if (line.startsWith('differs ')) sight.differences.push(line.slice('differs '.length))
    else sight.leftovers.push(line)
  }
  return sight
}

/** As WEEKDAY/NAME.tar.zst; what was never finished has a name of another form. */
function archivesIn(kept: string): string[] {
  const names = readdirSync(kept, { recursive: true, encoding: 'utf8' })
  return names.filter((name) => name.endsWith('.tar.zst') && !basename(name).startsWith('.')).sort()
}

/** Reads an archive to its end, and unpacks the database in it. On the host, where that takes a tenth of the time. */
async function read(path: string, folder: string): Promise<Sight['archives'][number]> {
  const file = join(folder, 'kept', path)
  const out = join(folder, 'archive', path.replace(/[^/]*$/, ''))
  mkdirSync(out, { recursive: true })
  const source = basename(path, '.tar.zst')
  const what = source === 'plain' ? ['--list'] : ['--extract', `--directory=${out}`, `${source}/db`]
  const unpack = ['--zstd', '--no-same-owner', '--no-same-permissions', `--file=${file}`, ...what]
  const torn = await run('zstd', ['-tq', file])
    .then(() => run('tar', unpack))
    .then(
      () => false,
      () => true,
    )
  return { path, sizeBytes: statSync(file).size, torn }
}

function script(out: string, disks: boolean, compare: readonly Source[]): string {
  return `
    PATH=/usr/sbin:/usr/bin
    mkdir ${out}/store ${out}/mirror ${out}/kept
    cp ${stateFolder}/hdsync.db* ${out}/store
    ${disks ? traces : ''}
    ${disks ? backups(out) : ''}
    ${compare.map(differences).join('\n')}
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
    cp -r /run/look/archive/*day ${out}/kept 2>/dev/null`
}

function differences(source: Source): string {
  const compare = `rsync -naHAXc --numeric-ids --delete --itemize-changes ${folderOf(source)}/ /run/look/mirror/${source}/`
  return `{ ${compare} || echo rsync ended $?; } 2>&1 | head -20 | sed 's/^/differs ${source} /'`
}
