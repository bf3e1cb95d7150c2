import { existsSync, linkSync, mkdirSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { isRunning, processMark } from './process-mark.ts'

// Copies of a vault that are read here lie in a folder of the state directory as long as somebody reads them:
// `SHA256.tar.zst`, and for each process that reads it a name of the file that is its own, `SHA256.used-by.PID-START.tar.zst`:
// it holds whatever others remove. What is not whole yet is `SHA256.part`, and `SHA256.part.PID-START` while a process is at it.

const folderName = 'fetched'
/** What was cut off is gone on with for so long. */
const partsLastMs = 7 * 86_400_000

/** Which copy it is. `extension` as `tar.zst`. */
export interface FetchedCopy {
  sha256: string
  extension: string
}

/** The folder, which nobody else looks into. */
export function fetchedFolder(state: string): string {
  const folder = join(state, folderName)
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  return folder
}

/**
 * Takes a copy that is there, for this process to read: it stays until `releaseFetched`.
 * @returns Its file; undefined where it is not there.
 */
export function claimFetched(state: string, copy: FetchedCopy): string | undefined {
  const own = ownPath(state, copy)
  if (existsSync(own)) return own
  try {
    linkSync(sharedPath(state, copy), own)
    return own
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT') return undefined
    throw error
  }
}

/**
 * Puts what was fetched, and was proved, where others find it too.
 * @param whole The file, where it is another one than what was fetched; see `openedPath`.
 * @returns The file for this process to read.
 */
export function shareFetched(state: string, copy: FetchedCopy, whole = partPath(state, copy)): string {
  const own = ownPath(state, copy)
  rmSync(own, { force: true })
  linkSync(whole, own)
  renameSync(whole, sharedPath(state, copy))
  rmSync(partPath(state, copy), { force: true })
  return own
}

/** Where this process decrypts a copy to. What a crash leaves there is removed by `releaseFetched`. */
export function openedPath(state: string, copy: FetchedCopy): string {
  return `${ownPath(state, copy)}.new`
}

function sharedPath(state: string, { sha256, extension }: FetchedCopy): string {
  return join(fetchedFolder(state), `${sha256}.${extension}`)
}

function ownPath(state: string, { sha256, extension }: FetchedCopy): string {
  return join(fetchedFolder(state), `${sha256}.used-by.${processMark()}.${extension}`)
}

function partPath(state: string, { sha256 }: Pick<FetchedCopy, 'sha256'>): string {
  return join(fetchedFolder(state), `${sha256}.part.${processMark()}`)
}

/** The file that a copy is fetched into: this process has it to itself, and goes on with what was cut off. */
export function takePart(state: string, { sha256 }: FetchedCopy): string {
  const folder = fetchedFolder(state)
  const own = partPath(state, { sha256 })
  const free = readdirSync(folder).find((name) => {
    const [, mark] = partName.exec(name) ?? []
    return (
      name.startsWith(`${sha256}.part`) && partName.test(name) && (mark === undefined || !isRunning(mark))
    )
  })
  // Whoever else wants it finds it gone, and begins anew.
  if (free !== undefined) tryTo(() => renameSync(join(folder, free), own))
  return own
}

/** Leaves a part for whoever goes on with it. */
export function leavePart(state: string, { sha256 }: FetchedCopy): void {
  tryTo(() => renameSync(partPath(state, { sha256 }), join(fetchedFolder(state), `${sha256}.part`)))
}

const partName = /^[0-9a-f]+\.part(?:\.([\d-]+))?$/
const ownName = /^([0-9a-f]+)\.used-by\.([\d-]+)(?:\.|$)/

/**
 * Says that this process reads none of them any more, and removes those that nobody reads, and parts that are old. Safe to repeat.
 * @param now Milliseconds since the epoch.
 */
export function releaseFetched(state: string, now: number): void {
  const folder = join(state, folderName)
  // Whoever cannot look into it has fetched nothing.
  if (existsSync(folder) && statSync(folder).uid === process.geteuid?.()) release(folder, now)
}

function release(folder: string, now: number): void {
  const used = new Set<string>()
  for (const name of readdirSync(folder)) {
    const [, sha256, mark] = ownName.exec(name) ?? []
    if (sha256 === undefined || mark === undefined) continue
    if (mark !== processMark() && isRunning(mark)) used.add(sha256)
    else rmSync(join(folder, name), { force: true })
  }
  for (const name of readdirSync(folder)) {
    if (used.has(name.split('.', 1).join()) || ownName.test(name)) continue
    if (partName.test(name) && !isOld(join(folder, name), now)) continue
    rmSync(join(folder, name), { force: true })
  }
}

function isOld(path: string, now: number): boolean {
  const changed = statSync(path, { throwIfNoEntry: false })?.mtimeMs
  return changed !== undefined && now - changed > partsLastMs
}

function tryTo(does: () => void): void {
  try {
    does()
  } catch {}
}
