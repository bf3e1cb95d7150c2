import { rmdirSync } from 'node:fs'
import type { Target } from '../../config/config.ts'
import { TerminalError } from '../../errors.ts'
import { pointsOn } from '../points/find-points.ts'
import type { RestorePoint } from '../points/restore-point.ts'
import { Folder } from '../target/safe-open.ts'
import { type Accounts, accountsFrom, accountsText } from './accounts.ts'

/** The folder of records at the top of a target: a folder for each source, and in it a file for each time that names changed. */
const ownersFolder = '.hdsync-owners'

/** Room for a hundred thousand accounts. */
const mostBytes = 8 * 1024 ** 2

/**
 * Records which names the owners of sources have, on the disk of their backups. What is recorded already is not written again,
 * and what no restore point needs any more is removed. Safe to repeat.
 * @param target It has been proven, and the sources are claimed there.
 * @param at Now, in milliseconds since the epoch, before any of the sources is read.
 * @throws {TerminalError} It cannot be written.
 */
export function recordAccounts(
  target: Pick<Target, 'name' | 'path'>,
  sources: readonly string[],
  accounts: Accounts,
  at: number,
): void {
  using root = Folder.existing(target.path)
  using owners = root.make(ownersFolder)
  const text = accountsText(accounts)
  for (const source of sources) {
    using folder = owners.make(source)
    const newest = recordsIn(folder).at(-1)
    if (newest && withoutComments(folder.read(newest.file, mostBytes) ?? '') === text) continue
    folder.replace(fileAt(at), headOf(source, at) + text, 0o600)
    removeNeedless(folder, target, source)
  }
}

/**
 * The names that the owners in a restore point had.
 * @param root The folder of its target.
 * @returns undefined where they are not recorded, as of one that an earlier hdsync has made.
 * @throws {TerminalError} The record cannot be read.
 */
export function recordedAccounts(
  root: string,
  { source, kind, at }: Pick<RestorePoint, 'source' | 'kind' | 'at'>,
): Accounts | undefined {
  try {
    using top = Folder.existing(root)
    using owners = top.folder(ownersFolder)
    using folder = owners?.folder(source)
    if (!folder) return undefined
    const records = recordsIn(folder)
    // A mirror is as its last night has left it.
    const record = kind === 'mirror' ? records.at(-1) : records.findLast((one) => one.at <= Date.parse(at))
    const text = record && folder.read(record.file, mostBytes)
    return text === undefined ? undefined : accountsFrom(text)
  } catch (error) {
    throw new TerminalError(
      `the names of owners cannot be read from ${root}/${ownersFolder}/${source}: ${(error as Error).message}`,
      { cause: error },
    )
  }
}

/** Removes what is recorded of a source. Safe to repeat. */
export function forgetAccounts(target: string, source: string): void {
  using root = Folder.at(target)
  using owners = root?.folder(ownersFolder)
  if (!owners?.look(source)) return
  {
    using folder = owners.folder(source)
    for (const name of folder?.names() ?? []) folder?.remove(name)
  }
  rmdirSync(owners.name(source))
}

interface Recorded {
  file: string
  at: number
}

/** The oldest first. */
function recordsIn(folder: Folder): Recorded[] {
  return folder
    .names()
    .flatMap((file) => {
      const at = timeOf(file)
      return at === undefined ? [] : [{ file, at }]
    })
    .sort((one, other) => one.at - other.at)
}

/** `2026-11-22T03-00-00.000Z.txt`: some file systems have no colons. */
function fileAt(at: number): string {
  return `${new Date(at).toISOString().replaceAll(':', '-')}.txt`
}

function timeOf(file: string): number | undefined {
  const found = /^(\d{4}-\d\d-\d\dT\d\d)-(\d\d)-(\d\d\.\d{3}Z)\.txt$/.exec(file)
  const at = found ? Date.parse(`${found[1]}:${found[2]}:${found[3]}`) : Number.NaN
  return Number.isNaN(at) ? undefined : at
}

function headOf(source: string, at: number): string {
  return `# Names and numbers of the owners in the backups of ${source} from ${new Date(at).toISOString()} on,
# for \`hdsync restore --owners names\`.
`
}

function withoutComments(text: string): string {
  return text.replace(/^#.*\n/gm, '')
}

/** A record is needed while a restore point is older than the next one. */
function removeNeedless(folder: Folder, { name, path }: Pick<Target, 'name' | 'path'>, source: string): void {
  const points = pointsOn({ target: name, path, mirrors: [], archives: [source] })
  const oldest = Math.min(...points.map(({ at }) => Date.parse(at)))
  const records = recordsIn(folder)
  for (const [n, { file }] of records.entries()) {
    const next = records[n + 1]
    if (next && next.at <= oldest) folder.remove(file)
  }
}
