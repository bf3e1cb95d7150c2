import * as z from 'zod'

/**
 * How a machine is built, as it lies on a backup disk: what a new machine is made from when the disks are gone. It holds no
 * keys and no passphrases.
 */

const bytes = z.int().min(0)

/** What lies on a device: a file system, swap, or what else blkid(8) names. */
const content = z.lazy(() =>
  z.object({
    /** As blkid names it: `ext4`, `swap`, `LVM2_member`, `crypto_LUKS`, `linux_raid_member`. */
    type: z.string(),
    uuid: z.string().optional(),
    label: z.string().optional(),
    /** Of ext2, ext3 and ext4. @see ext4(5) */
    features: z.array(z.string()).optional(),
    blockBytes: bytes.optional(),
    inodeBytes: bytes.optional(),
  }),
)

const device = z.lazy(() =>
  z.object({
    /** The kernel's: `sda1`, `dm-0`. */
    name: z.string(),
    path: z.string(),
    /** `disk`, `part`, `lvm`, `crypt`, `raid1` …, as lsblk(8) names it. */
    type: z.string(),
    sizeBytes: bytes,
    /** Names of what it lies on. */
    parents: z.array(z.string()),
    /** Removable or read-only: not part of the machine. */
    removable: z.boolean(),
    model: z.string().optional(),
    serial: z.string().optional(),
    partitionTable: z.string().optional(),
    content: content.optional(),
  }),
)

const mount = z.lazy(() =>
  z.object({
    at: z.string(),
    /** Of `devices`. */
    device: z.string(),
    type: z.string(),
    options: z.array(z.string()),
    /** The folder of the file system that is mounted there. */
    root: z.string(),
  }),
)

const source = z.lazy(() =>
  z.object({
    name: z.string(),
    /** The folder that it fills; absent for a volume that was mounted nowhere. */
    place: z.string().optional(),
    /** The volume that it is: `vg01/var`. */
    volume: z.string().optional(),
    target: z.string(),
    archived: z.boolean(),
  }),
)

const uncovered = z.lazy(() =>
  z.object({
    at: z.string(),
    type: z.string(),
    /** Folders of it that are backed up all the same. */
    only: z.array(z.string()),
  }),
)

export const machineRecord = z.lazy(() =>
  z.object({
    version: z.literal(1),
    host: z.string(),
    /** As os-release(5) has it. */
    system: z.string(),
    recordedAt: z.iso.datetime(),
    kernel: z.object({
      release: z.string(),
      commandLine: z.string(),
      /** The program that makes the initial RAM disk. */
      initramfs: z.enum(['update-initramfs', 'dracut', 'mkinitcpio']).optional(),
    }),
    firmware: z.enum(['efi', 'bios']),
    /** `grub` with the platforms that are installed: `i386-pc`, `x86_64-efi`. */
    bootLoader: z.object({
      name: z.enum(['grub', 'systemd-boot', 'unknown']),
      platforms: z.array(z.string()),
      /** Where grub's own files are: `/boot/grub`, `/boot/grub2`. */
      folder: z.string().optional(),
    }),
    devices: z.array(device),
    /** What `sfdisk --dump` printed. */
    partitionTables: z.array(z.object({ disk: z.string(), dump: z.string() })),
    raids: z.array(
      z.object({
        path: z.string(),
        level: z.string(),
        uuid: z.string(),
        metadata: z.string(),
        name: z.string().optional(),
        devices: z.int().min(1),
      }),
    ),
    encrypted: z.array(
      z.object({
        device: z.string(),
        version: z.enum(['1', '2']),
        uuid: z.string(),
        cipher: z.string().optional(),
        keyBits: z.int().optional(),
        /** Under which it is opened. */
        name: z.string().optional(),
      }),
    ),
    groups: z.array(z.object({ name: z.string(), uuid: z.string(), extentBytes: bytes })),
    physicalVolumes: z.array(z.object({ device: z.string(), uuid: z.string(), group: z.string() })),
    volumes: z.array(
      z.object({
        group: z.string(),
        name: z.string(),
        sizeBytes: bytes,
        /** As LVM names it: `linear`, `striped`, `raid1`, `thin`, `thin-pool`. */
        type: z.string(),
        stripes: z.int().min(1),
        pool: z.string().optional(),
        origin: z.string().optional(),
        chunkBytes: bytes.optional(),
        metadataBytes: bytes.optional(),
      }),
    ),
    mounts: z.array(mount),
    /** Of `mounts`, the file systems that a rescue makes again: not those of backup disks or removable ones. */
    fileSystems: z.array(mount),
    /** Texts of files that say how it starts: fstab, crypttab, mdadm.conf, grub's defaults. By path. */
    files: z.record(z.string(), z.string()),
    sources: z.array(source),
    uncovered: z.array(uncovered),
    /** What could not be found out, and why: sentences. */
    unknown: z.array(z.string()),
  }),
)

export type MachineRecord = z.output<typeof machineRecord>
export type RecordedDevice = z.output<typeof device>
export type RecordedMount = z.output<typeof mount>
export type RecordedSource = z.output<typeof source>
export type UncoveredMount = z.output<typeof uncovered>
