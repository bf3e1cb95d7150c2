/**
 * Trees of files that come out the same wherever they are made. Imports nothing but Node, as the lab machine runs it too:
 * `node tree.ts make FOLDER FILES BYTES SEED`, `node tree.ts change FOLDER SHARE SEED`.
 */
import { createCipheriv, createHash } from 'node:crypto'
import { appendFileSync, mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

export interface TreeSize {
  files: number
  bytes: number
}

const filesInFolder = 50
/** Seven files of ten are words; the rest is packed already, like pictures and attachments. */
const shareOfWords = 0.7
const fragmentBytes = 64

/**
 * Fills a new folder: sizes spread as on real disks (most files small, most bytes in a few large ones), fifty files to
 * a folder, three folders deep.
 */
export function makeTree(folder: string, { files, bytes }: TreeSize, seed: string): void {
  const random = new Random(seed)
  const weights = Array.from({ length: files }, () => Math.exp(1.6 * random.normal()))
  const scale = bytes / weights.reduce((sum, weight) => sum + weight, 0)
  for (const [n, weight] of weights.entries()) {
    const at = join(
      folder,
      `area${Math.floor(n / filesInFolder / 40)}`,
      `part${Math.floor(n / filesInFolder)}`,
    )
    if (n % filesInFolder === 0) mkdirSync(at, { recursive: true })
    const kind = random.share() < shareOfWords ? 'words' : 'packed'
    writeFileSync(join(at, `${n}.${kind}`), content(random, kind, Math.round(weight * scale)))
  }
}

/**
 * Changes a share of the files: of ten, eight are written anew, one grows, one goes and another one comes. The same
 * tree and seed give the same contents.
 * @returns How many.
 */
export function changeTree(folder: string, share: number, seed: string): number {
  const random = new Random(seed)
  let changed = 0
  for (const path of filesBelow(folder)) {
    if (random.share() >= share) continue
    changed += 1
    const kind = path.endsWith('.words') ? 'words' : 'packed'
    const { size } = statSync(path)
    const how = random.share()
    if (how < 0.8)
      writeFileSync(path, content(random, kind, Math.max(1, Math.round(size * (0.9 + random.share() / 5)))))
    else if (how < 0.9) appendFileSync(path, content(random, kind, 200))
    else {
      rmSync(path)
      writeFileSync(path.replace(/[^/]*$/, `new-${seed}-${changed}.${kind}`), content(random, kind, size))
    }
  }
  return changed
}

function filesBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort()
}

function content(random: Random, kind: 'words' | 'packed', bytes: number): Buffer {
  if (kind === 'packed') return random.bytes(bytes)
  const text = words()
  const made = Buffer.allocUnsafe(bytes)
  for (let at = 0; at < bytes; at += fragmentBytes) {
    const from = Math.floor(random.share() * (text.length - fragmentBytes))
    text.copy(made, at, from, from + fragmentBytes)
  }
  return made
}

let text: Buffer | undefined

/** 16 MiB of a language of its own, of which texts are pieced together: far more than a compressor looks back. */
function words(): Buffer {
  if (text) return text
  const random = new Random('language')
  const letters = 'eeeeetttaaooinnsshrrdlucmfwygpbvk'
  const vocabulary = Array.from({ length: 3000 }, () =>
    Array.from(
      { length: 2 + Math.floor(random.share() * 8) },
      () => letters[Math.floor(random.share() * 33)],
    ).join(''),
  )
  const parts: string[] = []
  for (let length = 0; length < 2 ** 24; ) {
    // Common words come often, as they do.
    const word = vocabulary[Math.floor(3000 * random.share() ** 3)] ?? ''
    parts.push(word, random.share() < 0.1 ? '\n' : ' ')
    length += word.length + 1
  }
  text = Buffer.from(parts.join(''))
  return text
}

/** Numbers and bytes that only the seed determines. */
class Random {
  readonly #stream
  #pool: Buffer = Buffer.alloc(0)
  #at = 0

  constructor(seed: string) {
    this.#stream = createCipheriv('aes-128-ctr', createHash('md5').update(seed).digest(), Buffer.alloc(16))
  }

  bytes(count: number): Buffer {
    return this.#stream.update(Buffer.alloc(count))
  }

  /** From 0 to 1. */
  share(): number {
    if (this.#at === this.#pool.length) {
      this.#pool = this.bytes(65_536)
      this.#at = 0
    }
    const value = this.#pool.readUInt32LE(this.#at) / 2 ** 32
    this.#at += 4
    return value
  }

  /** Of mean 0 and deviation 1. */
  normal(): number {
    let sum = 0
    for (let n = 0; n < 12; n += 1) sum += this.share()
    return sum - 6
  }
}

if (import.meta.main) {
  const [what, folder = '', first = '', second = '', seed = ''] = process.argv.slice(2)
  if (what === 'make') makeTree(folder, { files: Number(first), bytes: Number(second) }, seed)
  if (what === 'change') console.log(changeTree(folder, Number(first), second))
}
