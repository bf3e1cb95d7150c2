import { existsSync } from 'node:fs'
import type { CommandRunner } from '../command/command.ts'
import { parseUnit, showUnit, systemctlTimeoutMs, type UnitState, unitState } from './unit.ts'

/** The unit that starts the nightly run. */
export const backupTimer = 'hdsync-backup.timer'

/** How the nightly timer stands, as systemd tells it. */
export interface TimerState extends UnitState {
  /** When it began to wait, fired last, and will fire next: milliseconds since the epoch. */
  activeSince: number | undefined
  lastFired: number | undefined
  next: number | undefined
}

const properties = ['ActiveEnterTimestamp', 'LastTriggerUSec', 'NextElapseUSecRealtime']

/** Whether this machine was booted with systemd. @see sd_booted(3) */
export function hasSystemd(): boolean {
  return existsSync('/run/systemd/system')
}

/** @returns undefined where systemd does not answer. */
export async function timerState(runner: CommandRunner): Promise<TimerState | undefined> {
  const values = await showUnit(backupTimer, runner, properties)
  return values && stateOf(values)
}

/** Reads `systemctl show`; moments come as `@1763820000`, or as a date with older versions. */
export function parseTimerState(text: string): TimerState {
  return stateOf(parseUnit(text))
}

function stateOf(values: ReadonlyMap<string, string>): TimerState {
  const moment = (name: string): number | undefined => {
    const value = values.get(name) ?? ''
    const ms = value.startsWith('@')
      ? Number(value.slice(1)) * 1000
      : Date.parse(value.replace(/^[A-Z][a-z]{2} /, ''))
    return ms > 0 ? ms : undefined
  }
  return {
    ...unitState(values),
    activeSince: moment('ActiveEnterTimestamp'),
    lastFired: moment('LastTriggerUSec'),
    next: moment('NextElapseUSecRealtime'),
  }
}

/** Lets the timer fire from now on, and after each boot. Safe to repeat. @throws {CommandError} systemd refused. */
export async function enableTimer(runner: CommandRunner): Promise<void> {
  await runner.run({
    argv: ['systemctl', 'enable', '--now', backupTimer],
    timeoutMs: systemctlTimeoutMs,
    interruptible: false,
  })
}
