import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { TerminalError } from '../../errors.ts'
import { CommandError } from '../../host/command/command.ts'
import { backupTimer, type TimerState, timerState } from '../../host/systemd/timer.ts'
import { localTime } from '../format.ts'
import type { Box } from './box.ts'
import { type Finding, ok, warning } from './finding.ts'

const about = 'schedule'
const patienceMs = 2 * 86_400_000
const enable = `systemctl enable --now ${backupTimer}`

/** Whether something starts a run each night, and whether the clock is right that it goes by. */
export async function checkSchedule(box: Box, now: number, cron = '/etc'): Promise<Finding[]> {
  const timer = box.systemd ? await timerState(box.runner) : undefined
  return [...checkTimer(timer, now, cron), ...(box.systemd ? await checkClock(box) : [])]
}

function checkTimer(timer: TimerState | undefined, now: number, cron: string): Finding[] {
  if (!timer?.found || !(timer.enabled || timer.active)) {
    const table = cronTable(cron)
    if (table) return [ok('timer.ok', about, `cron starts it: ${table}`)]
  }
  if (!timer?.found)
    return [
      warning(
        'timer.none',
        about,
        'nothing starts a run at night',
        'see `hdsync init`, or write a line for cron',
      ),
    ]
  if (!timer.enabled || !timer.active) {
    const what = timer.enabled ? 'is enabled but does not wait' : 'is not enabled'
    return [warning('timer.disabled', about, `${backupTimer} ${what}`, enable)]
  }
  const { lastFired, activeSince, next } = timer
  if (!lastFired && activeSince && now - activeSince > patienceMs) {
    const finding = `${backupTimer} waits since ${localTime(activeSince)}, and has never fired`
    return [warning('timer.never-fired', about, finding, `systemctl list-timers ${backupTimer}`)]
  }
  const last = lastFired ? `fired ${localTime(lastFired)}` : 'has not fired yet'
  return [ok('timer.ok', about, `${backupTimer} ${last}${next ? `, fires next ${localTime(next)}` : ''}`)]
}

/** The table of cron that names hdsync. */
function cronTable(folder: string): string | undefined {
  const names = ['cron.d', 'cron.daily'].flatMap((name) => {
    try {
      return readdirSync(join(folder, name)).map((file) => join(folder, name, file))
    } catch {
      return []
    }
  })
  return [...names, join(folder, 'crontab')].find((file) => {
    try {
      return /^[^#]*\bhdsync\b.*\b(run|emit)\b/m.test(readFileSync(file, 'utf8'))
    } catch {
      return false
    }
  })
}

/** Archives go by the day of the week, and overdue sources by the date. @see timedatectl(1) */
async function checkClock({ runner }: Box): Promise<Finding[]> {
  try {
    const argv = ['timedatectl', 'show', '--property=NTPSynchronized', '--value'] as const
    const said = (await runner.run({ argv, timeoutMs: 30_000 })).stdout.trim()
    if (said !== 'no') return said === 'yes' ? [ok('clock.ok', about, 'the clock is synchronised')] : []
    const remedy = 'timedatectl set-ntp true, or see what your time service says'
    return [warning('clock.unsynchronised', about, 'the clock is not synchronised', remedy)]
  } catch (thrown) {
    if (thrown instanceof CommandError || thrown instanceof TerminalError) return []
    throw thrown
  }
}
