import { type BigIntStats, lstatSync, opendirSync } from 'node:fs'
import type { Canary } from '../../../events/index.ts'
import type { CommandRunner } from '../command/command.ts'
import { entryOfStats, mirrorReader } from '../points/mirror-reader.ts'
import { joinPath, nameOf, OpenFolder } from '../points/open-folder.ts'
import { digestOf } from './digest.ts'

/** A folder may have millions of names: so many of them are looked at. */
const mostNames = 2000
const mostWalks = 20
/** A larger file would keep the snapshot for the sake of a digest. */
const largestBytes = 16 * 1024 ** 2

/**
 * Takes the digest of one file of a source, chosen at random, that its mirror has too: from the source itself, as long as
 * that is there.
 * @param from The source, as it was copied. @param to Its mirror.
 * @returns undefined where no file was found in a few attempts. Never throws.
 */
export async function takeCanary(
  from: string,
  to: string,
  runner: CommandRunner,
  random: () => number = Math.random,
): Promise<Canary | undefined> {
  for (let walk = 0; walk < mostWalks; walk += 1) {
    try {
      const found = randomFile(from, random)
      const canary = found && (await digested(found, from, to, runner))
      if (canary) return canary
    } catch {
      // It went away, or cannot be read.
    }
  }
  return undefined
}

/** Goes down from the top by chance until it comes to a file. */
function randomFile(from: string, random: () => number): Buffer | undefined {
  using top = OpenFolder.at(from)
  let path: Buffer = Buffer.alloc(0)
  for (let depth = 0; depth < 64; depth += 1) {
    using folder = top.descend(path)
    const name = randomName(folder, random)
    if (!name) return undefined
    path = joinPath(path, name)
    const stats = lstatSync(folder.at(name))
    if (stats.isFile()) return stats.size <= largestBytes ? path : undefined
    if (!stats.isDirectory()) return undefined
  }
  return undefined
}

function randomName(folder: OpenFolder, random: () => number): Buffer | undefined {
  using names = opendirSync(folder.self, { encoding: 'buffer' as BufferEncoding })
  let chosen: Buffer | undefined
  for (let seen = 1; seen <= mostNames; seen += 1) {
    const entry = names.readSync()
    if (!entry) break
    if (random() * seen < 1) chosen = Buffer.from(entry.name as unknown as Buffer)
  }
  return chosen
}

/** @returns undefined where the mirror does not have it as it is. */
async function digested(
  path: Buffer,
  from: string,
  to: string,
  runner: CommandRunner,
): Promise<Canary | undefined> {
  const before = look(from, path)
  const sha256 = await digestOf(mirrorReader(from, runner).read(path))
  const after = look(from, path)
  const copied = look(to, path)
  const { sizeBytes, mtimeNs } = entryOfStats(path, after, Buffer.alloc(0))
  if (before.ctimeNs !== after.ctimeNs || !isSame(after, copied)) return undefined
  return { path: path.toString('base64'), sizeBytes, mtimeNs: String(mtimeNs), sha256 }
}

function look(root: string, path: Buffer): BigIntStats {
  using top = OpenFolder.at(root)
  using parent = top.parentOf(path)
  return lstatSync(parent.at(nameOf(path)), { bigint: true })
}

/** Where the medium has no fractions of a second, whole seconds are compared. */
function isSame(one: BigIntStats, other: BigIntStats): boolean {
  const seconds = (ns: bigint) => ns / 1_000_000_000n
  return (
    one.isFile() &&
    other.isFile() &&
    one.size === other.size &&
    seconds(one.mtimeNs) === seconds(other.mtimeNs)
  )
}
