import { createHash } from 'node:crypto'
import { chownSync, statSync } from 'node:fs'
import type { Source, Target } from '../../../config/config.ts'
import { reasonOf } from '../../../errors.ts'
import { meter } from '../../../host/archive/meter.ts'
import { mirrorPath } from '../../../host/mirror/mirror-identity.ts'
import type { Entry } from '../../../host/points/entry.ts'
import { OpenFolder } from '../../../host/points/open-folder.ts'
import { readerOf } from '../../../host/points/reader.ts'
import { type Catalogued, openCatalogued } from '../../../host/proof/catalogued.ts'
import { type Digests, openDigests } from '../../../host/proof/digests.ts'
import { replaceFile } from '../../../host/proof/replace-file.ts'
import { bytesOf, lookAt, readUnchanged, type Seen } from '../../../host/proof/witness.ts'
import { isSpent, type Limits, minus } from '../items.ts'
import type { ProofTools } from '../prove-archive.ts'
import { changedByCopy, judge } from './judge.ts'
import { noteTurn, turnOf } from './mirror-turn.ts'
import { inSource } from './source-witness.ts'

/** A mirror to be compared with the newest archive of its source. */
export interface MirrorWanted {
  source: Source
  /** The targets of the mirror and of its archives. They have been proven. */
  from: Target
  to: Target
  /** When the last good copy to this mirror began and was over, in milliseconds since the epoch. */
  copied: { from: number; to: number } | undefined
  /** How many entries that copy has left there, at least; undefined where it is not known, or something was at work since. */
  entries?: number | undefined
}

/** What came of it. Paths are below the source. */
export interface MirrorVerdict {
  /** `nothing`: there is no archive whose catalogue tells what has to be there. */
  outcome: 'complete' | 'paused' | 'nothing'
  files: number
  bytes: number
  /** Bytes that were read in all. */
  read: number
  /** Files of which nothing could be told, where there is no archive. */
  unproven?: number
  /** How many entries the mirror has lost since the last copy, at least; part of `unproven`. */
  lost?: number
  /** What was rotten, and was replaced. */
  healed: Buffer[]
  /** Where nobody can tell which is right, and why. */
  doubtful: { path: Buffer; reason: string }[]
  /** What the archive holds otherwise than mirror and source. */
  wrongInArchive: Buffer[]
  /** The folder of the mirror, and the archive that it was compared with. */
  mirror: string
  archive: { path: string; file: string } | undefined
}

/** How often it is noted how far it has come. */
const noteMs = 10_000

/**
 * Compares a mirror with the newest archive, from where the last run has stopped. What has rotted is replaced, where
 * archive and source agree on what it has to hold. Cancelled, it goes on there the next time.
 */
export async function proveMirror(
  wanted: MirrorWanted,
  limits: Limits,
  tools: ProofTools & { tell?: (message: string) => void },
): Promise<MirrorVerdict> {
  const { source, from, to } = wanted
  using archive = await openCatalogued(to, source.name)
  const verdict: MirrorVerdict = {
    ...{ outcome: 'nothing', files: 0, bytes: 0, read: 0, healed: [], doubtful: [], wrongInArchive: [] },
    mirror: mirrorPath(from, source),
    archive: archive && { path: archive.point.path, file: archive.file },
  }
  if (!archive) return verdict
  const turn = turnOf(from, source.name, 'archive', tools.now())
  using root = OpenFolder.at(verdict.mirror)
  await using digests = await openDigests(tools.runner)
  const work: Work = { wanted, archive, root, digests, tools, verdict }
  const count = meter(null, tools.onProgress)
  let cursor: Buffer | undefined = turn.cursor === null ? undefined : Buffer.from(turn.cursor, 'base64')
  let notedAt = tools.now()
  const note = (done: boolean) => {
    noteTurn(from, source.name, turn, { ...verdict, cursor: done ? null : cursor })
  }
  let isWhole = true
  try {
    for (const entry of archive.files(cursor)) {
      isWhole = !isSpent(minus(limits, verdict.bytes), tools.now())
      if (!isWhole) break
      const before = verdict.bytes
      await proveFile(entry, work)
      count({ length: verdict.bytes - before })
      cursor = entry.path
      if (tools.now() - notedAt < noteMs) continue
      notedAt = tools.now()
      note(false)
    }
    verdict.outcome = isWhole ? 'complete' : 'paused'
  } catch (error) {
    // Cancelled: what has been read counts, and what was found is told.
    if (!tools.signal.aborted) throw error
    verdict.outcome = 'paused'
  } finally {
    note(verdict.outcome === 'complete')
    if (verdict.healed.length > 0) markChanged(root)
  }
  return verdict
}

/** What one comparison works with. */
interface Work {
  wanted: MirrorWanted
  archive: Catalogued
  root: OpenFolder
  digests: Digests
  tools: ProofTools & { tell?: (message: string) => void }
  verdict: MirrorVerdict
}

async function proveFile(entry: Entry, work: Work): Promise<void> {
  const { root, archive, digests, wanted, verdict, tools } = work
  tools.signal.throwIfAborted()
  const stats = lookAt(root, entry.path)
  // It is another one by now: of that the next archive tells.
  if (!stats || Number(stats.size) !== entry.sizeBytes || stats.mtimeNs !== entry.mtimeNs) return
  const facts = {
    changedAt: Number(stats.ctimeMs),
    archivedAt: archive.at,
    syncedAt: wanted.copied?.to,
  }
  if (changedByCopy(facts)) return
  const seen = await readUnchanged(root, entry.path, stats, digests)
  if (!seen) return
  verdict.files += 1
  verdict.bytes += entry.sizeBytes
  verdict.read += entry.sizeBytes
  if (seen.sha256 !== entry.sha256) await decide(entry, seen, work)
}

/** Asks the other witnesses, and does what they agree on. */
async function decide(entry: Entry, seen: Seen, work: Work): Promise<void> {
  const { archive, root, tools, verdict } = work
  const { path } = entry
  const doubt = (reason: string) => verdict.doubtful.push({ path, reason })
  const inArchive = await digestInArchive(entry, work)
  const live = await inSource(entry, { ...work.wanted, digests: work.digests, signal: tools.signal })
  const recorded = entry.sha256
  const found = judge({ mirror: seen.sha256, archive: inArchive, source: live?.sha256, recorded })
  if (found === 'none') doubt('the catalogue tells otherwise: hdsync catalogue rebuild makes it anew')
  if (found === 'unknown')
    doubt(
      live ? 'the source has other bytes than both' : 'the source has no such file any more, or a newer one',
    )
  if (found === 'archive') verdict.wrongInArchive.push(path)
  if (found !== 'mirror' || !live) return
  try {
    const content = () => bytesOf(live.folder, live.path)
    const names = seen.stats.nlink > 1n ? archive.namesOf(path) : ([path] as [Buffer])
    await replaceFile({ root, names, content, sha256: live.sha256 }, tools.runner)
    verdict.healed.push(path)
    tools.tell?.(`${verdict.mirror}/${path} had rotted, and was replaced`)
  } catch (error) {
    tools.signal.throwIfAborted()
    doubt(`it has rotted, and cannot be replaced: ${reasonOf(error)}`)
  }
}

/** Read from the archive itself: what its catalogue tells may be wrong. */
async function digestInArchive({ path }: Entry, { archive, tools }: Work): Promise<string | 'unreadable'> {
  const hash = createHash('sha256')
  try {
    for await (const chunk of readerOf(archive.point, tools.runner).read(path))
      hash.update(chunk as Uint8Array)
    return hash.digest('hex')
  } catch {
    tools.signal.throwIfAborted()
    return 'unreadable'
  }
}

/** Whoever else copies to the mirror sees that it is not as it was left: chown to the same owner bumps ctime only. */
export function markChanged(root: OpenFolder): void {
  const { uid, gid } = statSync(root.self)
  chownSync(`${root.self}/.`, uid, gid)
}
