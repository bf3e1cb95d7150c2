import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

// Copies of a vault that are read here lie in a folder of the state directory as long as somebody reads them:
// `SHA256.tar.zst`, beside it a mark for each process that reads it, `SHA256.used-by.PID`. What is not whole yet is
// `SHA256.part`, and `SHA256.part.PID` while a process is at it.

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

/** Where a copy stands once it is whole and was proven. */
export function fetchedPath(state: string, { sha256, extension }: FetchedCopy): string {
  return join(state, folderName, `${sha256}.${extension}`)
}

/** Says that this process reads a copy: it stays until `releaseFetched`. @returns Whether it is there. */
export function claimFetched(state: string, copy: FetchedCopy): boolean {
  writeFileSync(join(fetchedFolder(state), `${copy.sha256}.used-by.${process.pid}`), '', { mode: 0o600 })
  return existsSync(fetchedPath(state, copy))
}

/** The file that a copy is fetched into: this process has it to itself, and goes on with what was cut off. */
export function takePart(state: string, { sha256 }: FetchedCopy): string {
  const folder = fetchedFolder(state)
  const own = join(folder, `${sha256}.part.${process.pid}`)
  const free = readdirSync(folder).find((name) => {
    const [, pid] = name === `${sha256}.part` ? ['', '0'] : (/^[0-9a-f]+\.part\.(\d+)$/.exec(name) ?? [])
    return name.startsWith(`${sha256}.part`) && pid !== undefined && !isAlive(Number(pid))
  })
  // Whoever else wants it finds it gone, and begins anew.
  if (free !== undefined) tryTo(() => renameSync(join(folder, free), own))
  return own
}

/** Leaves a part for whoever goes on with it. */
export function leavePart(state: string, { sha256 }: FetchedCopy): void {
  const folder = fetchedFolder(state)
  tryTo(() => renameSync(join(folder, `${sha256}.part.${process.pid}`), join(folder, `${sha256}.part`)))
}

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
    const [, sha256, pid] = /^([0-9a-f]+)\.used-by\.(\d+)$/.exec(name) ?? []
    if (sha256 === undefined) continue
    if (Number(pid) !== process.pid && isAlive(Number(pid))) used.add(sha256)
    else rmSync(join(folder, name), { force: true })
  }
  for (const name of readdirSync(folder)) {
    if (used.has(name.split('.', 1).join()) || /\.used-by\.\d+$/.test(name)) continue
    if (/\.part(\.\d+)?$/.test(name) && !isOld(join(folder, name), now)) continue
    rmSync(join(folder, name), { force: true })
  }
}

function isOld(path: string, now: number): boolean {
  const changed = statSync(path, { throwIfNoEntry: false })?.mtimeMs
  return changed !== undefined && now - changed > partsLastMs
}

function isAlive(pid: number): boolean {
  return pid > 0 && existsSync(`/proc/${pid}`)
}

function tryTo(does: () => void): void {
  try {
    does()
  } catch {}
}
