import { createHash } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as z from 'zod'
import { bootId } from '../boots.ts'
import { isFrom } from './devices.ts'
import { type Mount, readMounts, topMountAt } from './mountinfo.ts'
import { realPath } from './real-path.ts'
import { proveRuntimeRoom } from './runtime-room.ts'

const entry = z.lazy(() =>
  z.object({
    run: z.string(),
    at: z.string(),
    device: z.string(),
    shown: z.string().optional(),
    bootId: z.string(),
  }),
)

/**
 * A mount that hdsync is about to make, or has made: at a real path (earlier versions wrote it as the config has it), of the
 * device with this number. Some file systems show another one once they are mounted: see isFrom.
 */
export type LedgerEntry = Omit<z.output<typeof entry>, 'bootId'>

/**
 * The mounts that hdsync makes. An entry is written before the mount is made, so that a crash leaves no unknown mount. It
 * lies in the runtime directory, which like the mounts is gone after a reboot.
 */
export class Ledger {
  readonly #directory: string

  constructor(runtimeDirectory: string) {
    this.#directory = join(runtimeDirectory, 'mounts')
  }

  /** @throws {TerminalError} There is no room for it. */
  record({ run, at, device, shown }: LedgerEntry): void {
    proveRuntimeRoom(this.#directory)
    mkdirSync(this.#directory, { recursive: true, mode: 0o700 })
    const text = JSON.stringify({ run, at, device, shown, bootId: bootId() })
    writeFileSync(this.#file(at), text, { mode: 0o600 })
  }

  strike(at: string): void {
    rmSync(this.#file(at), { force: true })
  }

  /** Entries of this uptime, parents before what lies below them. */
  entries(): LedgerEntry[] {
    let names: string[]
    try {
      names = readdirSync(this.#directory)
    } catch {
      return []
    }
    return names
      .flatMap((name) => {
        const parsed = parse(join(this.#directory, name))
        return parsed?.bootId === bootId() ? [parsed] : []
      })
      .sort((a, b) => (a.at < b.at ? -1 : 1))
  }

  #file(at: string): string {
    // Paths may be longer than names can be.
    return join(this.#directory, createHash('sha256').update(at).digest('hex'))
  }
}

/** What an entry has mounted, if it is still there. */
export function mountOfEntry(
  { at, device, shown }: LedgerEntry,
  mounts: readonly Mount[] = readMounts(),
): Mount | undefined {
  const there = topMountAt(mounts, realPath(at))
  return there && (there.device === shown || isFrom(there, device)) ? there : undefined
}

function parse(file: string): z.output<typeof entry> | undefined {
  try {
    return entry.parse(JSON.parse(readFileSync(file, 'utf8')))
  } catch {
    // Torn by a crash: then the mount was not made.
    return undefined
  }
}
