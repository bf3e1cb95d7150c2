/**
 * The classic script, for comparison: each night the mirror of a source is packed away under the weekday's name, and
 * then made equal to the source, one source after the other.
 */

export interface ClassicFolders {
  mirrors: string
  archives: string
}

/** Of plain directories below a folder. */
export function classicPlain(live: string, sources: readonly string[], to: ClassicFolders): string {
  return script(
    sources.map((source) => ({
      source,
      copy: `rsync -a --delete ${live}/${source}/ ${to.mirrors}/${source}/`,
    })),
    to,
  )
}

/**
 * Of logical volumes of a group: from a snapshot, which is tried up to ten times until it can be mounted.
 * @param size Of the snapshot, as lvcreate(8) takes it.
 */
export function classicVolumes(
  group: string,
  volumes: readonly { source: string; lv: string; size: string }[],
  to: ClassicFolders,
): string {
  return script(
    volumes.map(({ source, lv, size }) => {
      const name = `snap_${source}`
      const copy = `
  mkdir -p /mnt/snap
  for trial in 1 2 3 4 5 6 7 8 9 10; do
    lvremove -f /dev/${group}/${name} >/dev/null 2>&1 || true
    lvcreate -s -L ${size} -n ${name} /dev/${group}/${lv} >/dev/null
    mount -r /dev/${group}/${name} /mnt/snap && break
  done
  rsync -a --delete /mnt/snap/ ${to.mirrors}/${source}/
  umount /mnt/snap
  lvremove -f /dev/${group}/${name} >/dev/null`
      return { source, copy }
    }),
    to,
  )
}

function script(
  sources: readonly { source: string; copy: string }[],
  { mirrors, archives }: ClassicFolders,
): string {
  const steps = sources.map(
    ({ source, copy }) => `
  mkdir -p ${mirrors}/${source} ${archives}/$day
  tar czf ${archives}/$day/${source}.tar.gz -C ${mirrors} ${source}
  ${copy}`,
  )
  return `set -e\nday=$(date +%A)\n${steps.join('\n')}\n`
}
