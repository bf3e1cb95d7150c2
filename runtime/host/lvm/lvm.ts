import * as z from 'zod'
import { RetryableError, TerminalError } from '../../errors.ts'
import { type Command, CommandError, type CommandRunner } from '../command/command.ts'
import { lvmManner } from './lvm-manner.ts'
import { withLock } from './mutex.ts'

/** One logical volume, from lvs(8). */
export interface Volume {
  vg: string
  lv: string
  /** No other volume ever has it; empty where it is not known. */
  uuid: string
  /** Full path of the device node. */
  path: string
  sizeBytes: number
  /** `major:minor` while it is active. */
  device: string | undefined
  /** The volume that it is a snapshot of. */
  origin: string | undefined
  /** The thin pool that it lies in. */
  pool: string | undefined
  tags: string[]
  /** What it is made of: `linear`, `thin,sparse`, ... */
  layout: string
  /** How full a snapshot or a thin pool is. */
  dataPercent: number | undefined
  metadataPercent: number | undefined
  /** It has overflowed: nothing in it can be read. */
  invalid: boolean
  /** A thin pool that asks for thin_check. */
  needsCheck: boolean
  group: { freeBytes: number; extentBytes: number }
}

/** A valid LVM name: no option and no path. */
const namePattern = /^[a-zA-Z0-9+_.][a-zA-Z0-9+_.-]{0,126}$/
const tagPattern = /^[A-Za-z0-9_+.][A-Za-z0-9_+.\-/=!:#&]{0,1023}$/

/** LVM waits for its locks without a limit; a healthy command ends within seconds. */
const timeoutMs = 120_000

const fields = [
  'vg_name',
  'lv_name',
  'lv_path',
  'lv_size',
  'lv_kernel_major',
  'lv_kernel_minor',
  'origin',
  'pool_lv',
  'lv_tags',
  'lv_layout',
  'data_percent',
  'metadata_percent',
  'lv_snapshot_invalid',
  'lv_check_needed',
  'vg_free',
  'vg_extent_size',
  'lv_uuid',
] as const

const lvReport = z.lazy(() => {
  const text = z.string()
  // Reports recorded for tests may have no id.
  const shapeOf = (field: string) => (field === 'lv_uuid' ? text.default('') : text)
  const row = z.object(Object.fromEntries(fields.map((field) => [field, shapeOf(field)]))) as z.ZodObject<
    Record<(typeof fields)[number], z.ZodString>
  >
  return z.object({ report: z.tuple([z.object({ lv: z.array(row) })]) })
})

export function lvsArgv(...where: string[]): Command['argv'] {
  return ['lvs', '--reportformat', 'json', '--units', 'b', '--nosuffix', '-o', fields.join(','), ...where]
}

/**
 * Argument vector that takes a snapshot: writable, so that a journal can be replayed inside it, and thick
 * when it has a size. (LVM takes --setautoactivation with neither kind.)
 * @see lvcreate(8), --snapshot
 */
export function lvcreateArgv(snapshot: {
  vg: string
  origin: string
  lv: string
  tags: readonly string[]
  sizeBytes: number | undefined
}): Command['argv'] {
  const thin = snapshot.sizeBytes === undefined
  return [
    'lvcreate',
    '--snapshot',
    ...(thin ? ['--setactivationskip', 'n', '--activate', 'y'] : ['--size', `${snapshot.sizeBytes}b`]),
    ...snapshot.tags.flatMap((tag) => ['--addtag', checked(tag, tagPattern, 'tag')]),
    '--name',
    checked(snapshot.lv, namePattern, 'volume name'),
    fullName(snapshot.vg, snapshot.origin),
  ]
}

/** Argument vector that makes a volume of its own; what an earlier one has left at its beginning is wiped. */
function lvcreatePlainArgv(volume: {
  vg: string
  lv: string
  tags: readonly string[]
  sizeBytes: number
}): Command['argv'] {
  return [
    'lvcreate',
    ...['--yes', '--type', 'linear', '--wipesignatures', 'y', '--size', `${volume.sizeBytes}b`],
    ...volume.tags.flatMap((tag) => ['--addtag', checked(tag, tagPattern, 'tag')]),
    ...['--name', checked(volume.lv, namePattern, 'volume name')],
    checked(volume.vg, namePattern, 'volume group'),
  ]
}

function lvextendArgv({ vg, lv }: { vg: string; lv: string }, toBytes: number): Command['argv'] {
  return ['lvextend', '--size', `${toBytes}b`, fullName(vg, lv)]
}

export function lvremoveArgv({ vg, lv }: { vg: string; lv: string }): Command['argv'] {
  return ['lvremove', '--force', fullName(vg, lv)]
}

/**
 * Argument vector that removes a snapshot if it belongs to that origin and has these tags: LVM itself checks, under its
 * lock. Otherwise nothing happens, with exit code 0 too.
 * @see lvmreport(7), Selection
 */
export function lvremoveProvenArgv(snapshot: {
  vg: string
  lv: string
  origin: string
  tags: readonly string[]
}): Command['argv'] {
  const tags = snapshot.tags.map((tag) => `"${checked(tag, tagPattern, 'tag')}"`).join(' && ')
  const select = `origin="${checked(snapshot.origin, namePattern, 'volume name')}" && lv_tags={${tags}}`
  return ['lvremove', '--force', '--select', select, fullName(snapshot.vg, snapshot.lv)]
}

/**
 * Argument vector that removes what a failed lvcreate(8) of ours has left: the volume with this id, if it still has these
 * tags and no origin. LVM itself checks, as above.
 */
function lvremoveLeftArgv(left: {
  vg: string
  lv: string
  uuid: string
  tags: readonly string[]
}): Command['argv'] {
  const tags = left.tags.map((tag) => `"${checked(tag, tagPattern, 'tag')}"`).join(' && ')
  const select = `lv_uuid="${checked(left.uuid, namePattern, 'volume id')}" && origin="" && lv_tags={${tags}}`
  return ['lvremove', '--force', '--select', select, fullName(left.vg, left.lv)]
}

/** @throws LVM refuses to deactivate what is in use. */
function lvactivateArgv({ vg, lv }: { vg: string; lv: string }, how: 'y' | 'n'): Command['argv'] {
  return ['lvchange', '--activate', how, fullName(vg, lv)]
}

/** @see lvconvert(8), --type snapshot */
function lvconvertArgv({ vg, lv }: { vg: string; lv: string }, origin: string): Command['argv'] {
  return [
    'lvconvert',
    '--yes',
    '--type',
    'snapshot',
    fullName(vg, origin),
    checked(lv, namePattern, 'volume name'),
  ]
}

/** The device-mapper name of a volume; dashes in names are doubled. */
export function deviceMapperName({ vg, lv }: { vg: string; lv: string }): string {
  return `${vg.replaceAll('-', '--')}-${lv.replaceAll('-', '--')}`
}

/** The volume, and what LVM puts below it while it has snapshots. */
export function resumeArgvs({ vg, lv }: { vg: string; lv: string }): Command['argv'][] {
  const name = deviceMapperName({ vg, lv })
  return [
    ['dmsetup', 'resume', `${name}-real`],
    ['dmsetup', 'resume', name],
    ['lvchange', '--refresh', fullName(vg, lv)],
  ]
}

/** @throws {TerminalError} A name that LVM would not take. */
export function fullName(vg: string, lv: string): string {
  return `${checked(vg, namePattern, 'volume group')}/${checked(lv, namePattern, 'volume name')}`
}

/** LVM: one command at a time per volume group, none stopped halfway. */
export class Lvm {
  readonly #runner: CommandRunner

  constructor(runner: CommandRunner) {
    this.#runner = runner
  }

  /** Every volume of a group, or those that carry a tag (`@tag`). */
  async volumes(where: string): Promise<Volume[]> {
    const argv = lvsArgv(where.startsWith('@') ? where : checked(where, namePattern, 'volume group'))
    const { stdout } = await this.#run(argv, where)
    return parseLvs(stdout)
  }

  /** One volume. @throws {TerminalError} It does not exist. */
  async volume(vg: string, lv: string): Promise<Volume> {
    const found = (await this.volumes(vg)).find((volume) => volume.lv === lv)
    if (found) return found
    throw new TerminalError(`there is no logical volume ${vg}/${lv}`, { hint: `lvs ${vg} lists them` })
  }

  /**
   * Takes a snapshot.
   * @throws {TerminalError} The volume group has too few free extents.
   * @throws {RetryableError} LVM failed otherwise.
   */
  async create(snapshot: Parameters<typeof lvcreateArgv>[0]): Promise<void> {
    try {
      await this.#run(lvcreateArgv(snapshot), snapshot.vg)
    } catch (error) {
      const cache = error instanceof CommandError && /Check of pool (\S+) failed/.exec(error.stderr)
      if (cache) {
        const origin = fullName(snapshot.vg, snapshot.origin)
        throw new TerminalError(
          `LVM takes no snapshot of ${origin}: its check of the cache ${cache[1]} fails while that is in use`,
          { hint: cachedHint(origin), cause: error },
        )
      }
      if (isShortOfRoom(error)) {
        throw new TerminalError(
          `no room for a snapshot of ${snapshot.vg}/${snapshot.origin}: ${error.message}`,
          {
            hint: `free extents in ${snapshot.vg}, or set a smaller snapshot size`,
            cause: error,
          },
        )
      }
      throw error
    }
  }

  /**
   * Makes a volume of its own.
   * @throws {TerminalError} The volume group has too few free extents.
   */
  async createPlain(volume: Parameters<typeof lvcreatePlainArgv>[0]): Promise<void> {
    try {
      await this.#run(lvcreatePlainArgv(volume), volume.vg)
    } catch (error) {
      if (!isShortOfRoom(error)) throw error
      const hint = `see what is free: vgs ${volume.vg}`
      throw new TerminalError(`no room for a volume in ${volume.vg}: ${error.message}`, {
        hint,
        cause: error,
      })
    }
  }

  /** Makes a snapshot larger while it is in use. */
  async extend(snapshot: { vg: string; lv: string }, toBytes: number): Promise<void> {
    await this.#run(lvextendArgv(snapshot, toBytes), snapshot.vg)
  }

  /** Removes a volume; the caller has proven that it is a snapshot of ours. */
  async remove(snapshot: { vg: string; lv: string }): Promise<void> {
    await this.#run(lvremoveArgv(snapshot), snapshot.vg)
  }

  /** Removes a snapshot if it still is what was proven; the caller checks whether it is gone. */
  async removeProven(snapshot: Parameters<typeof lvremoveProvenArgv>[0]): Promise<void> {
    await this.#run(lvremoveProvenArgv(snapshot), snapshot.vg)
  }

  /** Removes what a failed `create` has left, if it still is what was proven. */
  async removeLeft(left: Parameters<typeof lvremoveLeftArgv>[0]): Promise<void> {
    await this.#run(lvremoveLeftArgv(left), left.vg)
  }

  async activate(volume: { vg: string; lv: string }, how: 'y' | 'n'): Promise<void> {
    await this.#run(lvactivateArgv(volume, how), volume.vg)
  }

  /** Makes a volume the snapshot of another one; what it holds is lost. */
  async convert(volume: { vg: string; lv: string }, origin: string): Promise<void> {
    await this.#run(lvconvertArgv(volume, origin), volume.vg)
  }

  #run(argv: Command['argv'], lock: string) {
    return withLock(`vg:${lock}`, async () => {
      try {
        return await this.#runner.run({ argv, manner: lvmManner, timeoutMs, interruptible: false })
      } catch (error) {
        throw terminal(error) ?? error
      }
    })
  }
}

function isShortOfRoom(error: unknown): error is CommandError {
  return error instanceof CommandError && /insufficient (free|suitable)/i.test(error.stderr)
}

/** What to do where LVM takes no snapshot of a cached volume. */
export function cachedHint(origin: string): string {
  return `set cache_check_executable = "" under global in /etc/lvm/lvm.conf, or do without the cache: lvconvert --splitcache ${origin}`
}

/** Failures that no further attempt changes, by LVM's messages. */
function terminal(error: unknown): Error | undefined {
  if (!(error instanceof CommandError)) return undefined
  const missing = /Volume group "?([^" ]+)"? not found/.exec(error.stderr)
  if (missing) return new TerminalError(`there is no volume group ${missing[1]}`, { hint: 'vgs lists them' })
  if (/permission denied|not root/i.test(error.stderr)) {
    return new TerminalError('LVM can be used by root alone', { hint: 'run hdsync as root', cause: error })
  }
  const lock = /^\s*(\/\S+?)\/[^/\s]+: open failed: No space left on device/m.exec(error.stderr)
  if (lock) {
    return new RetryableError(`LVM cannot take its lock: the file system of ${lock[1]} is full`, {
      hint: `make room there: df -h ${lock[1]}; df -i ${lock[1]}`,
      cause: error,
    })
  }
  // EINVALID_CMD_LINE: this LVM does not know what it is asked for.
  if (error.exitCode === 3) return new TerminalError(error.message, { cause: error })
  return undefined
}

/** @throws {RetryableError} LVM printed something else than its report. */
export function parseLvs(json: string): Volume[] {
  let parsed: z.output<typeof lvReport>
  try {
    parsed = lvReport.parse(JSON.parse(json))
  } catch (error) {
    throw new RetryableError('lvs did not print the report that was asked for', { cause: error })
  }
  return parsed.report[0].lv.map((volume) => ({
    vg: volume.vg_name,
    lv: volume.lv_name,
    uuid: volume.lv_uuid,
    path: volume.lv_path || `/dev/${volume.vg_name}/${volume.lv_name}`,
    sizeBytes: Number(volume.lv_size),
    // An inactive volume has -1 for both.
    device: /^\d+$/.test(volume.lv_kernel_major)
      ? `${volume.lv_kernel_major}:${volume.lv_kernel_minor}`
      : undefined,
    origin: volume.origin || undefined,
    pool: volume.pool_lv || undefined,
    tags: volume.lv_tags ? volume.lv_tags.split(',') : [],
    layout: volume.lv_layout,
    dataPercent: percent(volume.data_percent),
    metadataPercent: percent(volume.metadata_percent),
    // `unknown` stands where the question does not arise.
    invalid: volume.lv_snapshot_invalid === 'snapshot invalid',
    needsCheck: volume.lv_check_needed === 'check needed',
    group: { freeBytes: Number(volume.vg_free), extentBytes: Number(volume.vg_extent_size) },
  }))
}

function percent(text: string): number | undefined {
  return text === '' ? undefined : Number(text)
}

function checked(value: string, pattern: RegExp, what: string): string {
  if (pattern.test(value) && value !== '.' && value !== '..') return value
  throw new TerminalError(`${JSON.stringify(value)} is not a ${what} that LVM takes`)
}
