import type { DiskIdentity } from '../../host/machine/disk-identity.ts'
import { type FreshDisk, tableId } from '../../host/machine/fresh-disks.ts'
import type { RescueJournal } from '../../host/machine/rescue-journal.ts'
import type { Step } from '../../host/machine/step.ts'
import { formatBytes } from '../../units.ts'
import { short } from './map-disks.ts'

type JournalDisk = RescueJournal['disks'][number]

const names = ['serial', 'wwn', 'wwid'] as const

/**
 * Why a rescue must not go on with the disks that are here: after a boot, a path may be another disk's.
 * @param here As `freshDisks` has them for a rescue that goes on.
 * @returns Sentences, each with what to do; none where each path is the disk that it was, and nobody else uses it.
 */
export function otherDisks(
  { disks, steps, done, doing }: Pick<RescueJournal, 'disks' | 'steps' | 'done' | 'doing'>,
  here: readonly FreshDisk[],
): string[] {
  return disks.flatMap((disk) => {
    const { now } = disk
    const own = steps.filter(({ argv }) => argv.some((word) => isOn(word, now)))
    const wasDone = own.filter(({ id }) => done.includes(id))
    const found = here.find(({ path }) => path === now)
    const difference = differenceOf(disk, found, writtenTable(wasDone, now), here)
    if (difference !== undefined) return [`${difference}: ${wayOut(disk, here)}`]
    if (found?.taken !== undefined)
      return [`${now} must not be written to: ${found.taken}: end that, and give the same command again`]
    const isUntouched = wasDone.length === 0 && !own.some(({ id }) => id === doing)
    const mayBeWiped = own.some(({ argv }) => argv[0] === 'wipefs')
    if (isUntouched && !mayBeWiped && found && found.signatures.length > 0) {
      return [
        `${now} was empty when the rescue began, and has ${found.signatures.join(', ')} on it now: if that may go, begin anew: --restart --wipe ${short(now)}`,
      ]
    }
    return []
  })
}

/** Whether a word of a command is this disk, or a partition of it. */
function isOn(word: string, disk: string): boolean {
  const rest = /\d$/.test(disk) ? /^(p\d+)?$/ : /^\d*$/
  return word.startsWith(disk) && rest.test(word.slice(disk.length))
}

/** The id of the partition table that the rescue has written onto a disk. */
function writtenTable(done: readonly Step[], disk: string): string | undefined {
  const step = done.find(({ argv }) => argv[0] === 'sfdisk' && argv.at(-1) === disk)
  return step && tableId(step.input ?? '')
}

/** @returns What speaks against it that this is the same disk, or that nothing speaks for it. */
function differenceOf(
  { now, sizeBytes, identity = {} }: JournalDisk,
  found: FreshDisk | undefined,
  table: string | undefined,
  here: readonly FreshDisk[],
): string | undefined {
  if (!found) return `there is no disk ${now} any more`
  const other = `${now} is another disk than the one that the rescue began with`
  if (found.sizeBytes !== sizeBytes)
    return `${other}: it has ${formatBytes(found.sizeBytes)}, not ${formatBytes(sizeBytes)}`
  const seen = found.identity ?? {}
  const differs = names.find((name) => identity[name] && seen[name] && identity[name] !== seen[name])
  if (differs) return `${other}: its ${differs} is ${seen[differs]}, not ${identity[differs]}`
  const hasTable = table !== undefined && found.table === table
  if (table !== undefined && found.table !== undefined && !hasTable)
    return `${other}: its partition table is not the one that was written`
  if (names.some((name) => identity[name] && identity[name] === seen[name])) return undefined
  const isNameless = names.every((name) => identity[name] === undefined)
  const isInPort = identity.port !== undefined && identity.port === seen.port
  if (isNameless && isInPort && (table === undefined || hasTable)) return undefined
  // The table is the old disk's, which may be here as well.
  if (hasTable && here.filter((one) => one.table === table).length === 1) return undefined
  return `nothing tells whether ${now} is the disk that the rescue began with (${told(identity)})`
}

function told(identity: DiskIdentity): string {
  const words = Object.entries(identity).map(([key, value]) => `${key} ${value}`)
  return words.join(', ') || 'no serial number, WWN or port was noted'
}

function wayOut({ old, now, identity = {}, sizeBytes }: JournalDisk, here: readonly FreshDisk[]): string {
  const moved = here.find(
    (one) =>
      one.path !== now &&
      one.sizeBytes === sizeBytes &&
      names.some((name) => identity[name] && one.identity?.[name] === identity[name]),
  )
  const nothing = 'nothing was changed'
  if (Object.keys(identity).length === 0)
    return `${nothing}; see that the disks are the right ones, and begin anew: --restart`
  return moved
    ? `${nothing}; that one is ${moved.path} now. Boot so that the disks have their former names, or begin anew, onto it: --restart --map ${short(old)}=${short(moved.path)} --wipe ${short(moved.path)}`
    : `${nothing}; plug in the disks as they were and boot, or begin anew: --restart`
}
