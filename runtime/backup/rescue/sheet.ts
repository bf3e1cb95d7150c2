import type { MachineRecord, RecordedDevice } from '../../host/machine/record.ts'
import { localMinute } from '../../instant.ts'
import { formatBytes } from '../../units.ts'

/** One page for the safe: what the machine was, where its backups are, and what to do in which order. */
export function sheetOf(record: MachineRecord): string {
  const { host, system, recordedAt, kernel, firmware, bootLoader } = record
  const loader = [bootLoader.name, ...bootLoader.platforms].join(' ')
  return `${[
    `RESCUE SHEET of ${host}`,
    `as it was on ${localMinute(Date.parse(recordedAt))}: ${system}, kernel ${kernel.release}, ${firmware.toUpperCase()}, boot loader ${loader}`,
    '',
    'WHAT TO DO WHEN ITS DISKS ARE GONE',
    '  1. Boot a live system on the new machine, and install hdsync there.',
    '  2. Mount the disk with the backups, read-only if you like.',
    '  3. hdsync rescue --disk FOLDER            shows the disks, and the whole plan as commands',
    '  4. hdsync rescue --disk FOLDER --execute  does it; disks with anything on them want --wipe DISK',
    '  5. Look at what it says at its end, then boot the machine from its own disk.',
    ...(record.encrypted.length > 0
      ? ['  You need a passphrase for what was encrypted: there is no key in the backup.']
      : []),
    '',
    'DISKS',
    ...indented(record.devices.filter(({ type }) => type === 'disk').flatMap((disk) => tree(disk, record))),
    '',
    'WHAT IS BACKED UP',
    ...indented(record.sources.map(sourceLine)),
    '',
    'WHAT IS NOT BACKED UP',
    ...indented(uncoveredLines(record)),
    ...(record.unknown.length > 0 ? ['', 'WHAT COULD NOT BE FOUND OUT', ...indented(record.unknown)] : []),
  ].join('\n')}\n`
}

function indented(lines: readonly string[]): string[] {
  return (lines.length > 0 ? lines : ['-']).map((line) => `  ${line}`)
}

/** A device with what lies on it, each level two further in. */
function tree(device: RecordedDevice, record: MachineRecord, depth = 0): string[] {
  const { content, model, path, sizeBytes, type } = device
  const places = record.mounts.filter((mount) => mount.device === path).map(({ at }) => at)
  const line = [
    `${'  '.repeat(depth)}${path}`,
    type,
    formatBytes(sizeBytes),
    content?.type,
    content?.label && `"${content.label}"`,
    content?.uuid,
    places.length > 0 && `at ${places.join(', ')}`,
    model,
  ]
  const children = record.devices.filter(({ parents }) => parents.includes(device.name))
  return [line.filter(Boolean).join('  '), ...children.flatMap((child) => tree(child, record, depth + 1))]
}

function sourceLine({ name, place, volume, target, archived }: MachineRecord['sources'][number]): string {
  const what = [volume && `volume ${volume}`, place].filter(Boolean).join(' at ')
  return `${name}: ${what || 'mounted nowhere'}; mirror on target ${target}${archived ? ', and archives' : ''}`
}

function uncoveredLines({ uncovered, mounts, devices }: MachineRecord): string[] {
  if (mounts.length === 0 && devices.length === 0) return ['not known: no disks were seen']
  if (uncovered.length === 0) return ['nothing: every file system of the machine is in a source']
  return uncovered.map(({ at, type, only }) =>
    only.length > 0 ? `${at} (${type}), but for ${only.join(', ')}` : `${at} (${type})`,
  )
}
