import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { Limits } from '../../../../../runtime/backup/proof/items.ts'
import { proveArchive } from '../../../../../runtime/backup/proof/prove-archive.ts'
import { createRunner, unobserved } from '../../../../../runtime/host/command/command.ts'
import { noteGood, readLedger } from '../../../../../runtime/host/proof/ledger.ts'
import { PieceDigests } from '../../../../../runtime/host/proof/piece-digests.ts'
import { temporaryFolder } from '../../../temporary-folder.ts'
import { prepare, write } from '../../host/archive-plans.ts'

const pieceBytes = 256 * 1024
const free: Limits = { until: null, bytesLeft: null }

/** An archive of five pieces, as it was written. */
async function make() {
  const plan = prepare({ compression: 'none', level: undefined })
  writeFileSync(join(plan.from.path, 'var', 'large'), randomBytes(1_200_000))
  const { path, file, sha256, sizeBytes } = await write(plan)
  const stop = new AbortController()
  const { signal } = stop
  const runner = createRunner({ observer: unobserved, signal, owner: 'test' })
  const wanted = { target: plan.to, source: 'var', path, file, known: { sha256, sizeBytes } }
  const prove = (limits: Limits = free) =>
    proveArchive(wanted, limits, { runner, signal, now: Date.now, onProgress: () => {}, pieceBytes })
  const noted = () => readLedger(plan.to.path, 'var').archives[0]
  return { path, sizeBytes, prove, noted, stop, target: plan.to }
}

/** Changes one byte, and nothing that can be seen without reading it. */
function rot(path: string, at: number): void {
  const keep = join(temporaryFolder(), 'time')
  execFileSync('touch', ['-r', path, keep])
  const bytes = readFileSync(path)
  bytes[at] = (bytes[at] ?? 0) ^ 1
  writeFileSync(path, bytes)
  execFileSync('touch', ['-r', keep, path])
}

describe('proveArchive()', () => {
  test('reads it whole at first, and piece by piece then, from where it was paused', async () => {
    const { prove, noted, sizeBytes } = await make()
    expect(await prove()).toMatchObject({ outcome: 'proven', bytes: sizeBytes, isNew: false })
    expect(noted()?.pieces).toHaveLength(Math.ceil(sizeBytes / pieceBytes))
    const once = { until: null, bytesLeft: 1 }
    expect(await prove(once)).toEqual({ outcome: 'paused', bytes: pieceBytes })
    expect(await prove({ until: null, bytesLeft: pieceBytes + 1 })).toEqual({
      outcome: 'paused',
      bytes: 2 * pieceBytes,
    })
    expect(noted()).toMatchObject({ read: 3 })
    expect(await prove()).toMatchObject({ outcome: 'proven', bytes: sizeBytes - 3 * pieceBytes })
    expect(noted()?.read).toBeUndefined()
  })

  test('is paused within its first read as well, where its pieces were noted when it was written, also of a copy', async () => {
    const { path, prove, noted, sizeBytes, target } = await make()
    const digests = new PieceDigests(pieceBytes)
    digests.update(readFileSync(path))
    const sha256 = digests.digest('hex')
    const proof = { file: 'another', sizeBytes, sha256, provenAt: new Date(0).toISOString() }
    noteGood(target.path, 'var', { ...proof, pieces: [...digests.pieces] }, [noted()?.file ?? ''])
    expect(await prove({ until: null, bytesLeft: 1 })).toEqual({ outcome: 'paused', bytes: pieceBytes })
    expect(await prove()).toMatchObject({ outcome: 'proven', bytes: sizeBytes - pieceBytes })
  })

  test('finds a flipped byte in whatever piece it is', async () => {
    const { path, prove, noted } = await make()
    await prove()
    rot(path, 3 * pieceBytes + 5)
    expect(await prove()).toMatchObject({ outcome: 'damaged' })
    expect(noted()?.damaged?.reason).toContain(`from byte ${3 * pieceBytes} on`)
  })

  test('tells of one that has lost its end, and of one that has gone', async () => {
    const { path, prove } = await make()
    expect(await prove()).toMatchObject({ outcome: 'proven' })
    writeFileSync(path, 'another')
    expect(await prove()).toEqual({ outcome: 'gone', bytes: 0 })
  })

  test('is cancelled at once, and what was read counts', async () => {
    const { prove, noted, stop } = await make()
    await prove()
    await prove({ until: null, bytesLeft: 1 })
    stop.abort(new Error('cancelled'))
    await prove().catch(() => {})
    expect(noted()).toMatchObject({ read: 1 })
  })
})
