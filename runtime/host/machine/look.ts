import { existsSync, readFileSync } from 'node:fs'
import { hostname, release } from 'node:os'
import { reasonOf, TerminalError } from '../../errors.ts'
import type { CommandRunner } from '../command/command.ts'
import { realPath } from '../mount/real-path.ts'
import { namesIn } from '../names-in.ts'
import { type BlockDevice, exportedPairs, type Survey, surveyDisks } from '../survey.ts'
import type { Ask } from './ask.ts'
import { lookAtGroups } from './look-at-groups.ts'
import type { MachineRecord, RecordedDevice } from './record.ts'

/** What the machine itself tells; the config tells the rest. */
export type MachineFacts = Omit<
  MachineRecord,
  'version' | 'recordedAt' | 'fileSystems' | 'sources' | 'uncovered'
>

/**
 * Looks how this machine is built: partitions, RAID, LUKS, LVM, file systems, what is mounted, how it starts. What a missing
 * or failing tool would tell is left out, and named in `unknown`.
 * @throws {TerminalError} lsblk or findmnt is missing.
 */
export async function lookAtMachine(runner: CommandRunner): Promise<MachineFacts> {
  const unknown: string[] = []
  const ask: Ask = async (command, what) => {
    try {
      return (await runner.run({ ...command, timeoutMs: 60_000, interruptible: false })).stdout
    } catch (error) {
      if (!(error instanceof TerminalError) && !(error instanceof Error && 'argv' in error)) throw error
      unknown.push(`${what}: ${reasonOf(error)}`)
      return ''
    }
  }
  const { devices, mounts } = await lookAtDisks(runner)
  for (const one of devices) {
    if (/^ext[234]$/.test(one.content?.type ?? '') && one.content) {
      Object.assign(one.content, extFacts(await ask({ argv: ['dumpe2fs', '-h', one.path] }, one.path)))
    }
  }
  const partitionTables = []
  for (const { name, path, type } of devices) {
    if (type === 'part' || !devices.some((one) => one.type === 'part' && one.parents.includes(name))) continue
    const dump = await ask({ argv: ['sfdisk', '--dump', path] }, `partitions of ${path}`)
    if (dump !== '') partitionTables.push({ disk: path, dump })
  }
  return {
    host: hostname(),
    system: textOf('/etc/os-release')?.match(/^PRETTY_NAME="?([^"\n]*)/m)?.[1] ?? 'Linux',
    kernel: { release: release(), commandLine: textOf('/proc/cmdline')?.trim() ?? '', ...initramfs() },
    firmware: existsSync('/sys/firmware/efi') ? 'efi' : 'bios',
    bootLoader: bootLoader(),
    devices,
    partitionTables,
    raids: await raids(devices, ask),
    encrypted: await encrypted(devices, ask),
    ...(await lookAtGroups(devices, ask)),
    mounts,
    files: Object.fromEntries(
      startFiles.flatMap((path) => {
        const text = textOf(path)
        return text === undefined ? [] : [[path, text]]
      }),
    ),
    unknown,
  }
}

const startFiles = [
  '/etc/fstab',
  '/etc/crypttab',
  '/etc/mdadm/mdadm.conf',
  '/etc/mdadm.conf',
  '/etc/default/grub',
  '/etc/hostname',
]

/** The devices of this machine, and what is mounted from them. @throws {TerminalError} lsblk or findmnt is missing. */
export async function lookAtDisks(runner: CommandRunner): Promise<Pick<MachineFacts, 'devices' | 'mounts'>> {
  const survey = await surveyDisks(runner)
  return { devices: recordedDevices(survey.devices), mounts: mountsOn(survey) }
}

/** Devices of the machine itself: no loop devices, discs or compressed memory. */
function recordedDevices(devices: readonly BlockDevice[]): RecordedDevice[] {
  return devices
    .filter(({ type, name }) => !['loop', 'rom'].includes(type) && !name.startsWith('zram'))
    .map((one) => ({
      name: one.name,
      path: one.path,
      type: one.type,
      sizeBytes: one.sizeBytes,
      parents: one.parents,
      removable: one.removable || one.readOnly,
      ...(one.model !== undefined && { model: one.model }),
      ...(one.serial !== undefined && { serial: one.serial }),
      ...(one.partitionTable !== undefined && { partitionTable: one.partitionTable }),
      ...(one.fileSystem !== undefined && { content: contentOf(one) }),
    }))
}

function contentOf({ fileSystem = '', uuid, label }: BlockDevice): RecordedDevice['content'] {
  return { type: fileSystem, ...(uuid !== undefined && { uuid }), ...(label !== undefined && { label }) }
}

/** What is mounted from these devices. btrfs has a device number of its own: its device is found by path. */
function mountsOn({ devices, mounts }: Pick<Survey, 'devices' | 'mounts'>): MachineRecord['mounts'] {
  return mounts.flatMap(({ at, number, source, type, options, root }) => {
    const found =
      devices.find((one) => one.number === number) ??
      devices.find(({ path }) => path === source || path === realPath(source))
    return found ? [{ at, device: found.path, type, options, root }] : []
  })
}

/** @see dumpe2fs(8) */
export function extFacts(text: string) {
  const field = (name: string) => text.match(new RegExp(`^${name}:\\s*(.*)$`, 'm'))?.[1]?.trim()
  const features = field('Filesystem features')?.split(/\s+/)
  const blockBytes = Number(field('Block size'))
  const inodeBytes = Number(field('Inode size'))
  return {
    ...(features && { features }),
    ...(blockBytes > 0 && { blockBytes }),
    ...(inodeBytes > 0 && { inodeBytes }),
  }
}

async function raids(devices: readonly RecordedDevice[], ask: Ask): Promise<MachineRecord['raids']> {
  const found: MachineRecord['raids'] = []
  for (const { path, type } of devices) {
    if (!/^(raid|linear)/.test(type) || !path.startsWith('/dev/md')) continue
    const said = exportedPairs(await ask({ argv: ['mdadm', '--detail', '--export', path] }, `RAID ${path}`))
    const { MD_LEVEL: level, MD_UUID: uuid, MD_METADATA: metadata = '1.2', MD_NAME: name } = said
    const count = Number(said.MD_DEVICES)
    if (level === undefined || uuid === undefined || !(count > 0)) continue
    found.push({ path, level, uuid, metadata, ...(name !== undefined && { name }), devices: count })
  }
  return found
}

async function encrypted(devices: readonly RecordedDevice[], ask: Ask): Promise<MachineRecord['encrypted']> {
  const found: MachineRecord['encrypted'] = []
  for (const one of devices) {
    if (one.content?.type !== 'crypto_LUKS') continue
    const said = await ask({ argv: ['cryptsetup', 'luksDump', one.path] }, `LUKS of ${one.path}`)
    const opened = devices.find(({ type, parents }) => type === 'crypt' && parents.includes(one.name))
    const facts = luksFacts(said)
    if (facts) {
      const name = opened?.path.replace(/^\/dev\/mapper\//, '')
      found.push({ device: one.path, ...facts, ...(name !== undefined && { name }) })
    }
  }
  return found
}

/** The facts of a header that are not secret: no key slots, no salts. @see cryptsetup-luksDump(8) */
function luksFacts(text: string) {
  const version = text.match(/^Version:\s*([12])\s*$/m)?.[1]
  const uuid = text.match(/^UUID:\s*(\S+)/m)?.[1]
  if ((version !== '1' && version !== '2') || uuid === undefined) return undefined
  const mode = text.match(/^Cipher mode:\s*(\S+)/m)?.[1]
  const cipher =
    version === '1'
      ? text.match(/^Cipher name:\s*(\S+)/m)?.[1]?.concat('-', mode ?? '')
      : text.match(/^\s+cipher:\s*(\S+)/m)?.[1]
  const keyBits = Number(
    text.match(version === '1' ? /^MK bits:\s*(\d+)/m : /^\s+Cipher key:\s*(\d+) bits/m)?.[1],
  )
  return {
    version: version as '1' | '2',
    uuid,
    ...(cipher !== undefined && { cipher }),
    ...(keyBits > 0 && { keyBits }),
  }
}

function initramfs(): Pick<MachineRecord['kernel'], 'initramfs'> {
  const found = (['update-initramfs', 'dracut', 'mkinitcpio'] as const).find((program) =>
    ['/usr/sbin', '/usr/bin'].some((folder) => existsSync(`${folder}/${program}`)),
  )
  return found === undefined ? {} : { initramfs: found }
}

function bootLoader(): MachineRecord['bootLoader'] {
  const grub = ['/boot/grub', '/boot/grub2'].find((path) => existsSync(path))
  if (grub !== undefined) {
    const platforms = namesIn(grub).filter((name) => /^[a-z0-9_]+-(pc|efi|ieee1275)$/.test(name))
    return { name: 'grub', platforms, folder: grub }
  }
  const boot = ['/boot/efi/loader/loader.conf', '/boot/loader/loader.conf', '/efi/loader/loader.conf']
  return { name: boot.some((path) => existsSync(path)) ? 'systemd-boot' : 'unknown', platforms: [] }
}

/** The text of a small file; undefined where it cannot be read. */
function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8').slice(0, 256 * 1024)
  } catch {
    return undefined
  }
}
