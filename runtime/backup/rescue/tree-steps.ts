import { isWithin } from '../../config/left-out.ts'
import type { RecordedMount, RecordedSource } from '../../host/machine/record.ts'
import { inRescue, type Making } from './making.ts'

/**
 * Mounts the file systems in order, and restores into each before the next one is mounted: its mount point may be a restored
 * folder.
 */
export function treeSteps(making: Making): void {
  const { record } = making
  const mounts = record.fileSystems.toSorted((one, other) => one.at.length - other.at.length)
  const subvolumes = mounts.filter(({ root }) => root !== '/')
  for (const device of new Set(subvolumes.map((mount) => mount.device))) {
    makeSubvolumes(device, subvolumes, making)
  }
  const waiting = new Set(record.sources)
  for (const mount of mounts) {
    mountStep(mount, making)
    const here = [...waiting]
      .filter(({ place }) => place !== undefined && mountOf(place, mounts) === mount)
      .sort((one, other) => (one.place ?? '').length - (other.place ?? '').length)
    for (const source of here) {
      waiting.delete(source)
      restoreStep(source, making)
    }
  }
  for (const { name, place, volume } of waiting) {
    making.note(
      place === undefined
        ? `source ${name} (volume ${volume}) was mounted nowhere when the machine was recorded: restore it by hand`
        : `source ${name} lay at ${place}, on no file system of the machine's own: restore it by hand`,
    )
  }
}

function mountOf(place: string, mounts: readonly RecordedMount[]): RecordedMount | undefined {
  return mounts.filter(({ at }) => isWithin(place, at)).at(-1)
}

function makeSubvolumes(device: string, mounts: readonly RecordedMount[], { now, add }: Making): void {
  const top = `${inRescue('/')}.top`
  const path = now(device)
  const folder = ['mkdir', '--parents', top] as const
  add({ why: `the subvolumes of ${device}`, argv: folder, again: { exists: top, argv: folder } })
  add({ why: 'its top', argv: ['mount', '-o', 'subvolid=5', path, top] })
  for (const { root } of mounts.filter((one) => one.device === device)) {
    const path = `${top}${root}`
    const argv = ['btrfs', 'subvolume', 'create', ...(root.lastIndexOf('/') > 0 ? ['-p'] : []), path] as const
    add({ why: `subvolume ${root}`, argv })
  }
  add({ why: 'done with its top', argv: ['umount', top] })
}

function mountStep({ at, device, type, root, options }: RecordedMount, { now, add }: Making): void {
  const path = inRescue(at)
  // The folders of a live system are gone once it is booted anew.
  const folder = ['mkdir', '--parents', path] as const
  add({ why: `for ${at}`, argv: folder, again: { exists: path, argv: folder } })
  const asked = options.filter((one) => ['compress', 'compress-force'].includes(one.split('=')[0] ?? ''))
  const words = [
    ...(root === '/' ? [] : [`subvol=${root}`]),
    ...(type === 'btrfs' ? asked : []),
    // By default it keeps neither attributes nor access lists.
    ...(type === 'reiserfs' ? ['user_xattr', 'acl'] : []),
  ]
  const argv: [string, ...string[]] = [
    'mount',
    '-t',
    type,
    ...(words.length > 0 ? ['-o', words.join(',')] : []),
    now(device),
    path,
  ]
  add({ why: `${at}, from ${now(device)}`, argv, again: { mounted: path, argv } })
}

function restoreStep({ name, place = '/' }: RecordedSource, { points, add, note }: Making): void {
  const found = points.get(name)
  if (!found) {
    note(`source ${name} (${place}) has no backup in the folders that were named: nothing is restored`)
    return
  }

  const { folder, point } = found
  const to = inRescue(place)
  add({
    why: `source ${name} as of ${point.at}, from its ${point.kind}`,
    argv: ['hdsync', '--disk', folder, 'restore', name, '--at', point.id, '--to', to, '--yes'],
    fills: to,
  })
}
