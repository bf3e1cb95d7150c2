import type { MachineRecord, RecordedDevice } from '../../host/machine/record.ts'
import { mapperPath } from './covered.ts'
import { makeArgv } from './make-file-system.ts'
import { devicesToFill, type Making } from './making.ts'
import { groupOf, neededNames, physicalDevices } from './needed.ts'
import { tableFor } from './new-devices.ts'

type Volume = MachineRecord['volumes'][number]

/** Partitions, RAID, LUKS, LVM, file systems: bottom up, each after the devices below it. */
export function storageSteps(making: Making): void {
  const { record } = making
  disks(making)
  const wanted = neededNames(record, devicesToFill(record))
  // The type does not tell the order: LUKS may be above LVM or below it.
  const made = new Set(
    record.devices.filter(({ type }) => ['disk', 'part'].includes(type)).map(({ name }) => name),
  )
  let waiting = record.devices.filter(({ name }) => wanted.has(name) && !made.has(name))
  while (waiting.length > 0) {
    const ready = waiting.filter((device) =>
      below(device, record).every((name) => made.has(name) || !wanted.has(name)),
    )
    if (ready.length === 0) break
    for (const device of ready) if (!made.has(device.name)) makeDevice(device, made, making)
    waiting = waiting.filter(({ name }) => !made.has(name))
  }
  for (const { path } of waiting)
    making.note(`${path} could not be put together: what it lies on is not known`)
  for (const path of devicesToFill(record)) fileSystem(path, making)
}

/** What a device is made on. A volume is made with its group, which needs all its physical volumes. */
function below(device: RecordedDevice, record: MachineRecord): string[] {
  const group = groupOf(device, record)
  return group === undefined ? device.parents : physicalDevices(group, record).map(({ name }) => name)
}

function disks({ mapped, record, wipe, udev, add }: Making): void {
  for (const { old, now } of mapped) {
    if (now.signatures.length > 0 && wipe.has(now.path)) {
      add({
        why: `${now.path} has ${now.signatures.join(', ')}: gone with this`,
        argv: ['wipefs', '--all', '--force', now.path],
      })
    }
    const table = record.partitionTables.find(({ disk }) => disk === old.path)
    if (!table) continue
    add({
      why: `the partitions of ${old.path}, on ${now.path}`,
      argv: ['sfdisk', '--wipe', 'always', '--wipe-partitions', 'always', now.path],
      input: tableFor(table.dump, old.path, now.path),
    })
  }
  if (udev && record.partitionTables.length > 0) {
    add({ why: 'until the partitions have their names', argv: ['udevadm', 'settle'], mayFail: true })
  }
}

function makeDevice(device: RecordedDevice, made: Set<string>, making: Making): void {
  const { record } = making
  made.add(device.name)
  const group = groupOf(device, record)
  if (group !== undefined) {
    for (const one of record.devices) if (groupOf(one, record) === group) made.add(one.name)
    volumeGroup(group, making)
  } else if (device.type === 'crypt') encrypted(device, making)
  else if (device.path.startsWith('/dev/md') && device.type !== 'part') raid(device, making)
  else
    making.note(
      `${device.path} (${device.type}) was not made again: hdsync does not know this kind of device`,
    )
}

function raid(device: RecordedDevice, { record, now, add, note }: Making): void {
  const facts = record.raids.find(({ path }) => path === device.path)
  if (!facts) {
    note(`RAID ${device.path} was not made again: it is not recorded how it was built`)
    return
  }

  const members = device.parents.flatMap(
    (name) => record.devices.find((one) => one.name === name)?.path ?? [],
  )
  const missing = Array.from({ length: Math.max(0, facts.devices - members.length) }, () => 'missing')
  const paths = members.map(now)
  add({
    why: `RAID ${device.path}`,
    argv: [
      'mdadm',
      '--create',
      device.path,
      '--run',
      `--level=${facts.level}`,
      `--raid-devices=${facts.devices}`,
      `--metadata=${facts.metadata}`,
      `--uuid=${facts.uuid}`,
      '--homehost=any',
      ...(facts.name === undefined ? [] : [`--name=${facts.name.replace(/^.*:/, '')}`]),
      ...paths,
      ...missing,
    ],
    again: { exists: device.path, argv: ['mdadm', '--assemble', device.path, ...paths] },
  })
}

function encrypted(device: RecordedDevice, { record, now, keyFile, add, note }: Making): void {
  const below = record.devices.find(({ name }) => device.parents.includes(name))
  const facts = record.encrypted.find((one) => one.device === below?.path)
  if (!below || !facts) {
    note(`${device.path} was not encrypted again: its header is not recorded`)
    return
  }

  const key = keyFile === undefined ? [] : ['--key-file', keyFile]
  const path = now(below.path)
  add({
    why: `LUKS on ${path}: give it a passphrase`,
    argv: [
      'cryptsetup',
      'luksFormat',
      '--batch-mode',
      ...(keyFile === undefined ? ['--verify-passphrase'] : []),
      '--type',
      `luks${facts.version}`,
      '--uuid',
      facts.uuid,
      ...(facts.cipher === undefined ? [] : ['--cipher', facts.cipher]),
      ...(facts.keyBits === undefined ? [] : ['--key-size', String(facts.keyBits)]),
      ...key,
      path,
    ],
    ...(keyFile === undefined && { asks: true as const }),
  })
  const open: [string, ...string[]] = [
    'cryptsetup',
    'open',
    ...key,
    path,
    device.path.replace('/dev/mapper/', ''),
  ]
  add({
    why: `opens it as ${device.path}`,
    argv: open,
    ...(keyFile === undefined && { asks: true as const }),
    again: { exists: device.path, argv: open },
  })
}

function volumeGroup(name: string, making: Making): void {
  const { record, now, add, note } = making
  const here = new Set(physicalDevices(name, record).map(({ path }) => path))
  const all = record.physicalVolumes.filter(({ group }) => group === name)
  const physical = all.filter(({ device }) => here.has(device))
  for (const { uuid } of all.filter(({ device }) => !here.has(device)))
    note(
      `volume group ${name} lacked a physical volume (${uuid}) when it was recorded: it is made without it`,
    )
  for (const { device, uuid } of physical) {
    add({
      why: `physical volume of ${name}, once ${device}`,
      argv: ['pvcreate', '--yes', '--force', '--force', '--uuid', uuid, '--norestorefile', now(device)],
    })
  }
  const extent = record.groups.find((one) => one.name === name)?.extentBytes
  add({
    why: `volume group ${name}`,
    argv: [
      'vgcreate',
      '--yes',
      ...(extent ? ['--physicalextentsize', `${extent}b`] : []),
      name,
      ...physical.map(({ device }) => now(device)),
    ],
    again: { succeeds: ['vgs', name], argv: ['vgchange', '--activate', 'y', name] },
  })
  const volumes = record.volumes.filter(({ group }) => group === name)
  // Pools before their volumes.
  const rank = ({ type }: Volume) => (type === 'thin-pool' ? 0 : 1)
  for (const volume of volumes.toSorted((one, other) => rank(one) - rank(other)))
    logicalVolume(volume, making)
}

function logicalVolume(volume: Volume, { record, add, note }: Making): void {
  const { group, name, type, origin, pool } = volume
  const path = mapperPath(group, name)
  const isMounted = record.fileSystems.some(({ device }) => device === path)
  if (origin !== undefined && !isMounted) {
    note(`snapshot ${group}/${name} is not made again`)
    return
  }

  const words = wordsFor(volume)
  if (!words) note(`${group}/${name} was ${type}: it is made as a plain volume`)
  add({
    why: `volume ${group}/${name}${pool === undefined ? '' : ` in pool ${pool}`}`,
    argv: ['lvcreate', '--yes', ...(words ?? sized(volume)), '--name', name, group],
    again: { exists: `/dev/${group}/${name}`, argv: ['vgchange', '--activate', 'y', group] },
  })
  const content = record.devices.find((one) => one.path === path)?.content
  if (type !== 'thin-pool' && !isMounted && content?.type !== 'swap' && !isBelow(path, record)) {
    note(`volume ${group}/${name} is empty: nothing of it was mounted when the machine was recorded`)
  }
}

function wordsFor(volume: Volume): string[] | undefined {
  const { type, stripes, pool, chunkBytes, metadataBytes } = volume
  if (type === 'linear') return sized(volume)
  if (type === 'striped') return ['--stripes', String(stripes), ...sized(volume)]
  if (type === 'raid1')
    return ['--type', 'raid1', '--mirrors', String(Math.max(1, stripes - 1)), ...sized(volume)]
  if (type === 'thin-pool') {
    return [
      '--type',
      'thin-pool',
      ...(chunkBytes === undefined ? [] : ['--chunksize', `${chunkBytes}b`]),
      ...(metadataBytes === undefined ? [] : ['--poolmetadatasize', `${metadataBytes}b`]),
      ...sized(volume),
    ]
  }
  if (type === 'thin' && pool !== undefined) {
    return ['--type', 'thin', '--thinpool', pool, '--virtualsize', `${volume.sizeBytes}b`]
  }
  return undefined
}

function sized({ sizeBytes }: Volume): string[] {
  return ['--size', `${sizeBytes}b`]
}

function isBelow(path: string, { devices }: MachineRecord): boolean {
  const name = devices.find((one) => one.path === path)?.name
  return devices.some(({ parents }) => name !== undefined && parents.includes(name))
}

function fileSystem(path: string, { record, now, add, note }: Making): void {
  const content = record.devices.find((one) => one.path === path)?.content
  const argv = content && makeArgv(content, now(path))
  if (!argv) {
    note(`${path} (${content?.type ?? 'of an unknown type'}) was not formatted: do it by hand`)
    return
  }

  add({
    why: `${content?.type} of ${path}, with its UUID${content?.label ? ` and label ${content.label}` : ''}`,
    argv,
  })
}
