import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import type { Command, CommandRunner } from '../command/command.ts'
import { socketUnit } from './socket-unit.ts'
import { systemctlTimeoutMs } from './unit.ts'

/** Where it is written that systemd listens at an address for hdsync, so that a visit wakes a daemon that has left. */
export const listenFile = `/etc/systemd/system/${socketUnit}.d/page.conf`

/** What makes systemd take it up. It ends the daemon, and so is not for the middle of a run. */
export const takeUp = {
  argv: ['systemctl', 'restart', socketUnit],
  timeoutMs: systemctlTimeoutMs,
} as const satisfies Command

/**
 * Has systemd listen at an address for hdsync, from the next start of its socket on. Safe to repeat.
 * @param file Where that is written.
 */
export async function listenBySystemd(
  address: string,
  runner: Pick<CommandRunner, 'run'>,
  file = listenFile,
): Promise<void> {
  mkdirSync(dirname(file), { recursive: true, mode: 0o755 })
  writeFileSync(file, `# Written by hdsync open --set-up: the page.\n[Socket]\nListenStream=${address}\n`)
  await runner.run({ argv: ['systemctl', 'daemon-reload'], timeoutMs: systemctlTimeoutMs })
}
