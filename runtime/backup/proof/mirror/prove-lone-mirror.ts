import { reasonOf } from '../../../errors.ts'
import { meter } from '../../../host/archive/meter.ts'
import { mirrorPath } from '../../../host/mirror/mirror-identity.ts'
import { walk } from '../../../host/mirror/walk.ts'
import { OpenFolder } from '../../../host/points/open-folder.ts'
import { type Digests, openDigests } from '../../../host/proof/digests.ts'
import { filesBelow } from '../../../host/proof/files-below.ts'
import { replaceFile } from '../../../host/proof/replace-file.ts'
import { bytesOf, lookAt, readUnchanged } from '../../../host/proof/witness.ts'
import { isSpent, type Limits, minus } from '../items.ts'
import type { ProofTools } from '../prove-archive.ts'
import { noteTurn, turnOf } from './mirror-turn.ts'
import { type MirrorVerdict, type MirrorWanted, markChanged } from './prove-mirror.ts'
import { inSource } from './source-witness.ts'

/** What came of it. */
export interface LoneVerdict extends MirrorVerdict {
  outcome: 'complete' | 'paused'
  archive: undefined
  /**
   * Files of which nothing can be told: the source has changed them since they were copied, or has them no more; they changed
   * while they were read; or the mirror has lost them.
   */
  unproven: number
  lost: number
}

/** How often it is noted how far it has come. */
const noteMs = 10_000
/** Made by restores; no copy touches it. */
const undo = Buffer.from('.hdsync-undo/')

/**
 * Compares a mirror of which there is no archive with its source: each file that the source has had unchanged since before the
 * last good copy. Where they differ, no third witness tells which is right: nothing is changed. A file that the mirror's disk
 * cannot read is replaced. Cancelled, it goes on there the next time.
 */
export async function proveLoneMirror(
  wanted: LoneWanted,
  limits: Limits,
  tools: ProofTools & { tell?: (message: string) => void },
): Promise<LoneVerdict> {
  const { source, from } = wanted
  const verdict: LoneVerdict = {
    ...{ outcome: 'paused', files: 0, bytes: 0, read: 0, unproven: 0, lost: 0 },
    ...{ healed: [], doubtful: [], wrongInArchive: [], archive: undefined },
    mirror: mirrorPath(from, source),
  }
  const turn = turnOf(from, source.name, 'source', tools.now())
  using root = OpenFolder.at(verdict.mirror)
  await using digests = await openDigests(tools.runner)
  const count = meter(null, tools.onProgress)
  let cursor: Buffer | undefined = turn.cursor ? Buffer.from(turn.cursor, 'base64') : undefined
  let notedAt = tools.now()
  const note = (done: boolean) =>
    noteTurn(from, source.name, turn, { ...verdict, cursor: done ? null : cursor })
  let isWhole = true
  try {
    for (const path of filesBelow(root, cursor)) {
      isWhole = !isSpent(minus(limits, verdict.read), tools.now())
      if (!isWhole) break
      const before = verdict.read
      await proveFile(path, { wanted, root, digests, tools, verdict })
      count({ length: verdict.read - before })
      cursor = path
      if (tools.now() - notedAt < noteMs) continue
      notedAt = tools.now()
      note(false)
    }
    if (isWhole) {
      verdict.lost = await lostSince(wanted, verdict.mirror, tools)
      verdict.unproven += verdict.lost
      verdict.outcome = 'complete'
    }
  } catch (error) {
    // Cancelled: what has been read counts, and what was found is told.
    if (!tools.signal.aborted) throw error
  } finally {
    note(verdict.outcome === 'complete')
    if (verdict.healed.length > 0) markChanged(root)
  }
  return verdict
}

/** How many entries fewer there are than the last copy has left: what is gone cannot be compared. */
async function lostSince({ entries }: LoneWanted, mirror: string, tools: ProofTools): Promise<number> {
  if (entries === undefined) return 0
  const { names, complete } = await walk(tools.runner, mirror, 0, { signal: tools.signal })
  return complete ? Math.max(0, entries - names.length) : 0
}

type LoneWanted = Omit<MirrorWanted, 'to'>

interface Work {
  wanted: LoneWanted
  root: OpenFolder
  digests: Digests
  tools: ProofTools & { tell?: (message: string) => void }
  verdict: LoneVerdict
}

async function proveFile(path: Buffer, work: Work): Promise<void> {
  const { wanted, root, digests, tools, verdict } = work
  tools.signal.throwIfAborted()
  if (path.subarray(0, undo.length).equals(undo)) return
  const skip = () => {
    verdict.unproven += 1
  }
  const stats = lookAt(root, path)
  if (!stats) return void skip()
  const sizeBytes = Number(stats.size)
  const live = await inSource(
    { path, sizeBytes, mtimeNs: stats.mtimeNs },
    { ...wanted, digests, signal: tools.signal },
  )
  if (!live) return void skip()
  verdict.read += sizeBytes
  const seen = await readUnchanged(root, path, stats, digests)
  if (!seen) return void skip()
  verdict.read += sizeBytes
  verdict.files += 1
  verdict.bytes += sizeBytes
  if (seen.sha256 === live.sha256) return
  if (seen.sha256 === 'unreadable') return replaceLost(path, live, stats.nlink, work)
  const touched = wanted.copied && Number(stats.ctimeMs) > wanted.copied.to
  const reason = touched
    ? 'the file of the mirror was changed after the last copy; the next run compares it, and copies it anew'
    : 'no archive tells which of them has rotted'
  verdict.doubtful.push({ path, reason })
}

/** The disk of the mirror has lost it. */
async function replaceLost(
  path: Buffer,
  live: { sha256: string; folder: string; path: Buffer },
  names: bigint,
  { root, tools, verdict }: Work,
): Promise<void> {
  const doubt = (reason: string) => verdict.doubtful.push({ path, reason })
  if (names > 1n) return void doubt('its disk has lost it, and it has other names, which no archive tells')
  try {
    const content = () => bytesOf(live.folder, live.path)
    await replaceFile({ root, names: [path], content, sha256: live.sha256 }, tools.runner)
    verdict.healed.push(path)
    tools.tell?.(`${verdict.mirror}/${path} was lost by its disk, and was replaced`)
  } catch (error) {
    tools.signal.throwIfAborted()
    doubt(`its disk has lost it, and it cannot be replaced: ${reasonOf(error)}`)
  }
}
