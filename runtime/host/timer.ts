import { existsSync } from 'node:fs'
import { TerminalError } from '../errors.ts'
import { CommandError, type CommandRunner } from './command.ts'

/** The unit that starts the nightly run. */
export const backupTimer = 'hdsync-backup.timer'

/** How the nightly timer stands, as systemd tells it. */
export interface TimerState {
  /** Whether systemd knows the unit. */
  found: boolean
  enabled: boolean
  active: boolean
  /** When it began to wait, fired last, and will fire next: milliseconds since the epoch. */
  activeSince: number | undefined
  lastFired: number | undefined
  next: number | undefined
}

const timeoutMs = 30_000
const properties = [
  'LoadState',
  'UnitFileState',
  'ActiveState',
  'ActiveEnterTimestamp',
  'LastTriggerUSec',
  'NextElapseUSecRealtime',
]

/** Whether this machine was booted with systemd. @see sd_booted(3) */
export function hasSystemd(): boolean {
  return existsSync('/run/systemd/system')
}

/** @returns undefined where systemd does not answer. */
export async function timerState(runner: CommandRunner): Promise<TimerState | undefined> {
  const argv = [
    'systemctl',
    'show',
    backupTimer,
    `--property=${properties.join(',')}`,
    '--timestamp=unix',
  ] as const
  try {
    return parseTimerState((await runner.run({ argv, timeoutMs })).stdout)
  } catch (error) {
    if (error instanceof CommandError || error instanceof TerminalError) return undefined
    throw error
  }
}

/** Reads `systemctl show`; moments come as `@1763820000`, or as a date with older versions. */
export function parseTimerState(text: string): TimerState {
  const values = new Map(
    text.split('\n').map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
  )
  const moment = (name: string): number | undefined => {
    const value = values.get(name) ?? ''
    const ms = value.startsWith('@')
      ? Number(value.slice(1)) * 1000
      : Date.parse(value.replace(/^[A-Z][a-z]{2} /, ''))
    return ms > 0 ? ms : undefined
  }
  return {
    found: values.get('LoadState') === 'loaded',
    enabled: /^(enabled|static|linked|generated)/.test(values.get('UnitFileState') ?? ''),
    active: values.get('ActiveState') === 'active',
    activeSince: moment('ActiveEnterTimestamp'),
    lastFired: moment('LastTriggerUSec'),
    next: moment('NextElapseUSecRealtime'),
  }
}

/** Lets the timer fire from now on, and after each boot. Safe to repeat. @throws {CommandError} systemd refused. */
export async function enableTimer(runner: CommandRunner): Promise<void> {
  await runner.run({ argv: ['systemctl', 'enable', '--now', backupTimer], timeoutMs, interruptible: false })
}
