import { createHash } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { CommandRunner } from '../../command/command.ts'
import { namesIn } from '../../names-in.ts'

// All that a run asks a vault goes over one connection: the first ssh(1) becomes its master, in the background, and the others are let
// in by its socket. Each is a session of its own, for which sshd runs the command of the key anew. The master ends with the
// run; by itself soon after the last session, where hdsync was killed; and at its next start, as do all commands that it has left.

/** How long a master waits for the next session, in seconds: encrypting an archive may take longer, and makes a new connection. */
const idleSeconds = 60

/** As `sun_path` has it, with what ssh(1) adds while it makes the socket. @see unix(7) */
const longestPath = 108 - 18

/**
 * Where the socket of a connection is, in a folder that nobody else looks into.
 * @param folder Of sockets.
 * @param place As the config has it.
 * @returns undefined where ssh(1) and rsync(1) would not take that for a path: each session is a connection of its own then.
 */
export function sharedSocket(folder: string, run: string, place: string): string | undefined {
  const path = join(folder, `${run}-${createHash('sha256').update(place).digest('hex').slice(0, 8)}`)
  if (!/^[A-Za-z0-9/._-]+$/.test(path) || path.length >= longestPath) return undefined
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  return path
}

/** The options of ssh(1) that share a connection. @param socket undefined for none. */
export function sharingOptions(socket: string | undefined): Record<string, string> {
  if (socket === undefined) return { ControlPath: 'none' }
  return { ControlMaster: 'auto', ControlPath: socket, ControlPersist: String(idleSeconds) }
}

/** Ends the connections of a run. Safe to repeat. */
export async function endShared(folder: string, run: string, runner: CommandRunner): Promise<void> {
  for (const name of namesIn(folder).filter((one) => one.startsWith(`${run}-`))) {
    const argv = ['ssh', '-F', 'none', '-S', join(folder, name), '-O', 'exit', 'vault'] as const
    // It may just have ended by itself, and will.
    await runner.run({ argv, timeoutMs: 10_000, accept: [0, 255] }).catch(() => {})
  }
}
