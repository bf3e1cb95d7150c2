import * as z from 'zod'
import { TerminalError } from '../errors.ts'
import type { CommandRunner } from './command/command.ts'
import { lvsArgv, parseLvs, type Volume } from './lvm/lvm.ts'
import { lvmManner } from './lvm/lvm-manner.ts'

/** A block device, and what it lies on. */
export interface BlockDevice {
  /** The name that the kernel has for it: `sda1`, `dm-0`. */
  name: string
  path: string
  /** `major:minor`. */
  number: string
  type: string
  sizeBytes: number
  fileSystem: string | undefined
  uuid: string | undefined
  label: string | undefined
  readOnly: boolean
  /** It can be pulled out: a stick, a disk on USB, a card or a disc. */
  removable: boolean
  model: string | undefined
  serial: string | undefined
  /** The kind of its partition table: `gpt`, `dos`. */
  partitionTable: string | undefined
  /** Names of the devices directly below it: the disk of a partition, the parts of a RAID. */
  parents: string[]
  hasChildren: boolean
  /** Bytes in use and free, of a file system that is mounted. */
  usedBytes: number | undefined
  freeBytes: number | undefined
}

/** A mounted file system. */
export interface MountedFileSystem {
  at: string
  /** As it was given to mount(8), without the subvolume that findmnt adds. */
  source: string
  type: string
  options: string[]
  /** `major:minor`; btrfs shows a number of its own. */
  number: string
  /** The folder within the file system that is mounted. */
  root: string
}

/** What a machine has of disks and file systems, as its own tools tell it. */
export interface Survey {
  devices: BlockDevice[]
  mounts: MountedFileSystem[]
  /** Empty without LVM, as are the next two. */
  volumes: Volume[]
  groups: { vg: string; freeBytes: number; extentBytes: number }[]
  physicalVolumes: { vg: string; path: string }[]
}

/** What each tool printed; undefined where LVM is not installed. */
export type SurveyTexts = { lsblk: string; findmnt: string } & Partial<
  Record<'blkid' | 'lvs' | 'vgs' | 'pvs', string>
>

const timeoutMs = 60_000
/** How LVM's tools are asked for a report that `lvmRows` reads. */
export const lvmOptions = ['--reportformat', 'json', '--units', 'b', '--nosuffix'] as const

/**
 * The commands of a survey; lsblk makes a tree only where `NAME` is asked for. None of them changes anything, and none asks a
 * network share how full it is.
 */
export const surveyArgvs = {
  lsblk: [
    'lsblk',
    '--json',
    '--bytes',
    '--output',
    'NAME,KNAME,PATH,MAJ:MIN,TYPE,SIZE,FSTYPE,UUID,LABEL,RO,RM,TRAN,FSUSED,FSAVAIL,MODEL,SERIAL,PTTYPE',
  ],
  findmnt: [
    'findmnt',
    '--json',
    '--list',
    '--kernel',
    '--output',
    'TARGET,SOURCE,FSTYPE,OPTIONS,MAJ:MIN,FSROOT',
  ],
  blkid: ['blkid', '--output', 'export'],
  lvs: lvsArgv(),
  vgs: ['vgs', ...lvmOptions, '-o', 'vg_name,vg_free,vg_extent_size'],
  pvs: ['pvs', ...lvmOptions, '-o', 'pv_name,vg_name'],
} as const

const ofLvm = new Set<string>(['lvs', 'vgs', 'pvs'])

/**
 * Looks at the disks, volumes and mounts of this machine.
 * @throws {TerminalError} lsblk or findmnt is missing, or says something else than it should.
 */
export async function takeSurvey(runner: CommandRunner): Promise<Survey> {
  const [disks, lvs, vgs, pvs] = await Promise.all([
    printedOfDisks(runner),
    optional(runner, 'lvs'),
    optional(runner, 'vgs'),
    optional(runner, 'pvs'),
  ])
  return parseSurvey({ ...disks, ...(lvs && { lvs }), ...(vgs && { vgs }), ...(pvs && { pvs }) })
}

/**
 * The part of a survey that needs no LVM.
 * @throws {TerminalError} lsblk or findmnt is missing, or says something else than it should.
 */
export async function surveyDisks(runner: CommandRunner): Promise<Pick<Survey, 'devices' | 'mounts'>> {
  return parseSurvey(await printedOfDisks(runner))
}

async function printedOfDisks(runner: CommandRunner): Promise<SurveyTexts> {
  const [lsblk, findmnt, blkid] = await Promise.all([
    printed(runner, 'lsblk'),
    printed(runner, 'findmnt'),
    optional(runner, 'blkid'),
  ])
  return { lsblk, findmnt, ...(blkid && { blkid }) }
}

async function printed(runner: CommandRunner, tool: keyof typeof surveyArgvs): Promise<string> {
  return (
    await runner.run({
      argv: surveyArgvs[tool],
      timeoutMs,
      interruptible: false,
      accept: tool === 'blkid' ? [0, 2] : [0],
      ...(ofLvm.has(tool) && { manner: lvmManner }),
    })
  ).stdout
}

/** A machine without LVM has no volumes; one whose LVM is broken should hear of it. */
async function optional(
  runner: CommandRunner,
  tool: 'blkid' | 'lvs' | 'vgs' | 'pvs',
): Promise<string | undefined> {
  try {
    return await printed(runner, tool)
  } catch (error) {
    if (error instanceof TerminalError && /is not installed/.test(error.message)) return undefined
    throw error
  }
}

/** Reads what the tools printed. @throws {TerminalError} One of them printed something else. */
export function parseSurvey(texts: SurveyTexts): Survey {
  return {
    devices: parseDevices(read('lsblk', lsblkReport, texts.lsblk).blockdevices).map(
      fillIn(texts.blkid ?? ''),
    ),
    mounts: read('findmnt', findmntReport, texts.findmnt).filesystems.map(parseMount),
    volumes: texts.lvs ? parseLvs(texts.lvs) : [],
    groups: texts.vgs
      ? lvmRows('vgs', vgsReport, texts.vgs, 'vg').map((row) => ({
          vg: row.vg_name,
          freeBytes: Number(row.vg_free),
          extentBytes: Number(row.vg_extent_size),
        }))
      : [],
    physicalVolumes: texts.pvs
      ? lvmRows('pvs', pvsReport, texts.pvs, 'pv').map((row) => ({ vg: row.vg_name, path: row.pv_name }))
      : [],
  }
}

// Older lsblk prints numbers and booleans as text, and sizes with a comma.
const count = z.coerce.number()
const flag = z.union([z.boolean(), z.string().transform((text) => text === '1')])
const word = z
  .string()
  .nullish()
  .transform((text) => text?.trim() || undefined)

const lsblkRow = z.object({
  kname: z.string(),
  path: z.string(),
  'maj:min': z.string().transform((text) => text.trim()),
  type: z.string(),
  size: count,
  fstype: word,
  uuid: word,
  label: word,
  ro: flag,
  rm: flag,
  tran: word,
  fsused: count.nullish().transform((bytes) => bytes ?? undefined),
  fsavail: count.nullish().transform((bytes) => bytes ?? undefined),
  model: word,
  serial: word,
  pttype: word,
  get children() {
    return z.array(lsblkRow).optional()
  },
})
type LsblkRow = z.output<typeof lsblkRow>
const lsblkReport = z.object({ blockdevices: z.array(lsblkRow) })

const findmntRow = z.object({
  target: z.string(),
  source: z.string().nullish(),
  fstype: z.string(),
  options: z.string().nullish(),
  'maj:min': z.string(),
  fsroot: z.string(),
})
const findmntReport = z.object({ filesystems: z.array(findmntRow) })
const vgsReport = z.object({ vg_name: z.string(), vg_free: z.string(), vg_extent_size: z.string() })
const pvsReport = z.object({ pv_name: z.string(), vg_name: z.string() })

/** A device stands below each of those that it lies on; a RAID has several. */
function parseDevices(tree: readonly LsblkRow[]): BlockDevice[] {
  const devices = new Map<string, BlockDevice>()
  const visit = (row: LsblkRow, parent: BlockDevice | undefined) => {
    const device = devices.get(row.kname) ?? toDevice(row)
    devices.set(row.kname, device)
    if (parent && !device.parents.includes(parent.name)) device.parents.push(parent.name)
    if (parent?.removable) device.removable = true
    if (row.children?.length) device.hasChildren = true
    for (const child of row.children ?? []) visit(child, device)
  }
  for (const row of tree) visit(row, undefined)
  return [...devices.values()]
}

/** lsblk goes by what udev knows; where it knows nothing of a device, blkid has looked at it. @see blkid(8) */
function fillIn(exported: string): (device: BlockDevice) => BlockDevice {
  const known = exported.split('\n\n').map(exportedPairs)
  return (device) => {
    const found = device.fileSystem ? undefined : known.find(({ DEVNAME }) => DEVNAME === device.path)
    if (!found?.TYPE) return device
    return { ...device, fileSystem: found.TYPE, uuid: found.UUID, label: found.LABEL }
  }
}

/** Lines of `KEY=value`, as blkid(8) and mdadm(8) export them. */
export function exportedPairs(text: string): Partial<Record<string, string>> {
  return Object.fromEntries(
    text
      .split('\n')
      .filter((line) => line.includes('='))
      .map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
  )
}

function toDevice(row: LsblkRow): BlockDevice {
  return {
    name: row.kname,
    path: row.path,
    number: row['maj:min'],
    type: row.type,
    sizeBytes: row.size,
    fileSystem: row.fstype,
    uuid: row.uuid,
    label: row.label,
    readOnly: row.ro,
    removable: row.rm || row.tran === 'usb' || row.type === 'rom',
    model: row.model,
    serial: row.serial,
    partitionTable: row.pttype,
    parents: [],
    hasChildren: false,
    usedBytes: row.fsused,
    freeBytes: row.fsavail,
  }
}

function parseMount(row: z.output<typeof findmntRow>): MountedFileSystem {
  return {
    at: row.target,
    source: (row.source ?? '').replace(/\[.*\]$/, ''),
    type: row.fstype,
    options: (row.options ?? '').split(','),
    number: row['maj:min'].trim(),
    root: row.fsroot,
  }
}

/** The rows of a report of LVM's. @throws {TerminalError} It is something else. */
export function lvmRows<T>(tool: string, row: z.ZodType<T>, text: string, key: string): T[] {
  const report = z.object({ report: z.tuple([z.object({ [key]: z.array(row) })]) })
  const [first] = read(tool, report, text).report
  return first[key] ?? []
}

function read<T>(tool: string, schema: z.ZodType<T>, text: string): T {
  try {
    return schema.parse(JSON.parse(text))
  } catch (cause) {
    throw new TerminalError(`${tool} did not print the report that was asked for`, {
      hint: 'hdsync init needs util-linux 2.33 or newer; a config can also be written by hand',
      cause,
    })
  }
}
