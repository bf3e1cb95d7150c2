import { spawnSync } from 'node:child_process'
import { createHash, randomFillSync } from 'node:crypto'
import { appendFileSync, globSync, mkdirSync, readFileSync, rmSync, statfsSync } from 'node:fs'
import { join } from 'node:path'
import { proveArchive } from '../../runtime/backup/proof/prove-archive.ts'
import { archiveFile } from '../../runtime/host/archive/archive-file.ts'
import { createRunner, unobserved } from '../../runtime/host/command/command.ts'
import { proofFolder } from '../../runtime/host/proof/ledger.ts'
import type { Progress } from '../../runtime/progress.ts'
import type { Figure } from './main.ts'
import { inFolder, quotients, ratio, skipped, turnByTurn } from './measure.ts'

const bench = 'verify'
const mib = 1024 ** 2
const rounds = 5
const small = 128 * mib
const large = 2048 * mib

/** How fast an archive is read again, and whether its size shows in the memory that takes. */
export async function verify(): Promise<Figure[]> {
  return inFolder(async (folder) => {
    const { bavail, bsize } = statfsSync(folder)
    if (bavail * bsize < 2 * large) return [skipped(bench, 'an archive of 2 GiB', 'too little room')]
    const archives = {
      small: await archiveOf(folder, 'small', small),
      large: await archiveOf(folder, 'large', large),
    }
    const peaks: number[][] = [[], []]
    const took = await turnByTurn(
      [
        ['cat', () => cat(archives.large.path)],
        ['verify', async () => void peaks[1]?.push(await prove(folder, archives.large))],
        ['small', async () => void peaks[0]?.push(await prove(folder, archives.small))],
      ],
      { rounds, warm: 1 },
    )
    return [
      ratio(
        bench,
        'an archive of 2 GiB: cat to /dev/null past the cache, in times of',
        quotients(took('cat'), took('verify')),
        { atLeast: 0.9 },
      ),
      ratio(
        bench,
        'memory that takes, in times of one of 128 MiB',
        quotients(peaks[1] ?? [], peaks[0] ?? []),
        { atMost: 1.1 },
      ),
    ]
  })
}

interface Archive {
  source: string
  path: string
  file: string
  sha256: string
  sizeBytes: number
}

async function archiveOf(folder: string, source: string, sizeBytes: number): Promise<Archive> {
  mkdirSync(join(folder, 'Monday'), { recursive: true })
  const path = join(folder, 'Monday', `${source}.tar`)
  const block = Buffer.alloc(64 * mib)
  const hash = createHash('sha256')
  for (let at = 0; at < sizeBytes; at += block.length) {
    hash.update(randomFillSync(block))
    appendFileSync(path, block)
  }
  spawnSync('sync', [path])
  const { file = '' } = (await archiveFile(path)) ?? {}
  return { source, path, file, sha256: hash.digest('hex'), sizeBytes }
}

function cat(path: string): void {
  spawnSync('dd', [`if=${path}`, 'iflag=nocache', 'count=0', 'status=none'])
  spawnSync('cat', [path], { stdio: ['ignore', 'ignore', 'inherit'] })
}

/** Reads it as for the first time. @returns The most memory of the process that reads, in KiB. */
async function prove(folder: string, { source, path, file, sha256, sizeBytes }: Archive): Promise<number> {
  rmSync(join(folder, proofFolder), { recursive: true, force: true })
  const { signal } = new AbortController()
  const runner = createRunner({ observer: unobserved, signal, owner: 'bench' })
  const target = { name: 'disk', path: folder, mounts: [], parallel: 1 }
  let most = 0
  const onProgress = ({ bytes }: Progress) => {
    if (bytes % (32 * mib) === 0) most = Math.max(most, ...childrenKib())
  }
  const tools = { runner, signal, now: Date.now, onProgress }
  const wanted = { target, source, path, file, known: { sha256, sizeBytes } }
  const { outcome } = await proveArchive(wanted, { until: null, bytesLeft: null }, tools)
  if (outcome !== 'proven') throw new Error(`${path}: ${outcome}`)
  return most
}

function childrenKib(): number[] {
  const lists = globSync('/proc/self/task/*/children').map((list) => readFileSync(list, 'utf8'))
  return lists
    .join(' ')
    .split(' ')
    .filter(Boolean)
    .map((pid) => Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0))
}
