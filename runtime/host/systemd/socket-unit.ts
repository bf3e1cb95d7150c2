import type { CommandRunner } from '../command/command.ts'
import { showUnit, systemctlTimeoutMs, unitState } from './unit.ts'

/** The unit that starts the daemon when somebody asks for something. */
export const socketUnit = 'hdsync.socket'

/**
 * Has systemd listen for the daemon as it will after each boot: before there was a config it did not. Left alone where
 * it is not enabled, or listens already; safe to repeat.
 * @returns Whether it listens from now on.
 * @throws {CommandError} systemd refused.
 */
export async function startSocket(runner: CommandRunner): Promise<boolean> {
  const before = await stateOf(runner)
  if (!before?.enabled || before.active) return false
  await runner.run({
    argv: ['systemctl', 'start', socketUnit],
    timeoutMs: systemctlTimeoutMs,
    interruptible: false,
  })
  // Its own conditions may have kept it from starting, which is no failure: a config elsewhere.
  return (await stateOf(runner))?.active === true
}

async function stateOf(runner: CommandRunner) {
  const values = await showUnit(socketUnit, runner)
  return values && unitState(values)
}
