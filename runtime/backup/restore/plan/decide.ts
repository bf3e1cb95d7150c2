import type { Entry } from '../../../host/points/entry.ts'
import { parentOf } from '../../../host/points/open-folder.ts'
import type { Action } from '../../../host/restore/action.ts'
import type { Excluded } from './excluded.ts'

/** What there is, and what there was. */
export interface Compared {
  /** What the restore point has of what was asked for, a folder before what is in it; what is left out is not among it. */
  wanted: readonly Entry[]
  /** What lies above it in the restore point, from the top: made where it is missing, and left alone where not. */
  above: readonly Entry[]
  /** What is there now, of both; by path, each byte a character. */
  live: ReadonlyMap<string, Entry>
  /** What has other ACLs or extended attributes now, as far as that is known; by path, as `live`. */
  differing: ReadonlySet<string>
  /** Nothing of it is deleted. */
  excluded: Excluded
  /** Whether what the restore point does not have is deleted. */
  deletes: boolean
  /** Whether it matters whose everything is. */
  owners: boolean
}

/** What a restore will do. */
export interface Decision {
  /** In the order in which they are done. */
  actions: Action[]
  created: Tally
  replaced: Tally
  /** What is replaced by something of another type is deleted, with what was in it. */
  deleted: Tally
  /** Folders that get back their attributes alone. */
  folders: number
  unchanged: number
  /** How many entries there are now. */
  there: number
}

export interface Tally {
  entries: number
  sizeBytes: number
}

const key = (path: Buffer) => path.toString('latin1')

/** Decides what a restore does. */
export function decide(compared: Compared): Decision {
  const { wanted, above, live } = compared
  const decision: Decision = {
    actions: [],
    created: none(),
    replaced: none(),
    deleted: none(),
    folders: 0,
    unchanged: 0,
    there: live.size,
  }
  const touched = new Set<string>()
  const whole = new Set<string>()
  const differing = differingFiles(compared)
  const act = (op: Action['op'], { path, type }: Entry) => {
    decision.actions.push({ op, path, type })
    if (op !== 'folder') touched.add(parentOf(key(path)))
  }
  for (const entry of above) {
    if (live.has(key(entry.path))) continue
    count(decision.created, entry)
    if (!whole.has(parentOf(key(entry.path)))) act('create', entry)
    whole.add(key(entry.path))
  }
  const folders: Entry[] = []
  for (const entry of wanted) {
    const name = key(entry.path)
    const there = live.get(name)
    const isCovered = name !== '' && whole.has(parentOf(name))
    if (isCovered || !there) {
      count(decision.created, entry)
      if (!isCovered) act('create', entry)
      if (entry.type === 'directory') whole.add(name)
    } else if (entry.type !== there.type) {
      count(decision.replaced, entry)
      for (const gone of below(name, compared)) count(decision.deleted, gone)
      act('replace', entry)
      whole.add(name)
    } else if (entry.type === 'directory') folders.push(entry)
    else if (differing.has(name)) {
      count(decision.replaced, entry)
      act('replace', entry)
    } else decision.unchanged += 1
  }
  if (compared.deletes) remove(compared, whole, decision, act)
  for (const folder of folders) {
    const there = live.get(key(folder.path)) as Entry
    const isAlike =
      !compared.differing.has(key(folder.path)) &&
      haveSameAttributes(folder, there, compared.owners) &&
      haveSameTime(folder, there)
    if (isAlike && !touched.has(key(folder.path))) decision.unchanged += 1
    else {
      if (!isAlike) decision.folders += 1
      act('folder', folder)
    }
  }
  return decision
}

/** Files and the like that differ. Of a file with several names all are replaced if one is: they stay one file. */
function differingFiles({ wanted, live, differing, owners }: Compared): Set<string> {
  const first = ({ path, hardLinkTo }: Entry) => key(hardLinkTo ?? path)
  const differs = (entry: Entry) => {
    const there = live.get(key(entry.path))
    return !there || differing.has(key(entry.path)) || !isAlike(entry, there, owners)
  }
  const files = wanted.filter(({ type }) => type !== 'directory')
  const groups = new Set(files.filter(differs).map(first))
  return new Set(files.filter((entry) => groups.has(first(entry))).map(({ path }) => key(path)))
}

function isAlike(entry: Entry, there: Entry, owners: boolean): boolean {
  if (entry.type !== there.type) return false
  if (entry.type === 'symlink') {
    const isSame = entry.linkTo?.equals(there.linkTo ?? Buffer.alloc(0)) ?? false
    return isSame && (!owners || (entry.uid === there.uid && entry.gid === there.gid))
  }
  if (!haveSameAttributes(entry, there, owners)) return false
  // Devices and the like have no contents whose time would matter.
  return entry.type !== 'file' || (entry.sizeBytes === there.sizeBytes && haveSameTime(entry, there))
}

function haveSameAttributes(entry: Entry, there: Entry, owners: boolean): boolean {
  return entry.mode === there.mode && (!owners || (entry.uid === there.uid && entry.gid === there.gid))
}

/** Where the medium has no fractions of a second, whole seconds are compared. */
function haveSameTime({ mtimeNs: one }: Entry, { mtimeNs: other }: Entry): boolean {
  const perSecond = 1_000_000_000n
  if (one === other) return true
  if (one % perSecond !== 0n && other % perSecond !== 0n) return false
  return one / perSecond === other / perSecond
}

function remove(
  { wanted, live, excluded }: Compared,
  whole: ReadonlySet<string>,
  decision: Decision,
  act: (op: 'delete', entry: Entry) => void,
): void {
  const kept = new Set(wanted.map(({ path }) => key(path)))
  const isOut = ({ path, type }: Entry) => excluded(key(path), type === 'directory')
  const extra = [...live.values()].filter(({ path }) => !kept.has(key(path)) && !isBelowOne(key(path), whole))
  // A folder with something in it that is left alone stays, and so do the folders above that.
  const stays = new Set<string>()
  for (const entry of extra.filter(isOut)) {
    for (let name = key(entry.path); name !== ''; name = parentOf(name)) stays.add(name)
  }
  const gone = new Set<string>()
  for (const entry of extra) {
    const name = key(entry.path)
    if (stays.has(name)) continue
    count(decision.deleted, entry)
    if (!gone.has(parentOf(name))) act('delete', entry)
    gone.add(name)
  }
}

function below(name: string, { live }: Compared): Entry[] {
  return [...live.values()].filter(({ path }) => key(path).startsWith(`${name}/`))
}

function isBelowOne(name: string, folders: ReadonlySet<string>): boolean {
  for (let above = name; above !== ''; ) {
    above = parentOf(above)
    if (folders.has(above)) return true
  }
  return false
}

function none(): Tally {
  return { entries: 0, sizeBytes: 0 }
}

function count(tally: Tally, { sizeBytes, hardLinkTo }: Entry): void {
  tally.entries += 1
  if (!hardLinkTo) tally.sizeBytes += sizeBytes
}
