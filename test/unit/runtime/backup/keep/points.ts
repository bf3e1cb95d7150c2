import type { KeepPoint } from '../../../../../runtime/backup/keep/points.ts'
import { dateOf, weekdayOf } from '../../../../../runtime/weekday.ts'

export const dayMs = 86_400_000

/** Three at night, so many days after Sunday 2026-11-22. */
export const night = (days: number) => new Date(2026, 10, 22 + days, 3).getTime()

export function weekdayPoint(days: number, options: Partial<KeepPoint> = {}): KeepPoint {
  const at = night(days)
  return pointIn(weekdayOf(at), at, options)
}

export function keptPoint(days: number, options: Partial<KeepPoint> = {}): KeepPoint {
  const at = night(days)
  return pointIn(`kept/${dateOf(at)}`, at, options)
}

function pointIn(folder: string, at: number, options: Partial<KeepPoint>): KeepPoint {
  return {
    path: `/mnt/hdd9/${folder}/var.tar.zst`,
    folder,
    at,
    file: `file of ${dateOf(at)}`,
    sizeBytes: 10,
    writtenMs: at,
    diskBytes: 4096,
    state: 'good',
    ...options,
  }
}

/** The record of nights on these days, the newest first. */
export const nightsOn = (days: readonly number[]) =>
  days.toReversed().map((day) => ({
    source: 'var',
    path: `/mnt/hdd9/${weekdayOf(night(day))}/var.tar.zst`,
    sizeBytes: 10,
    provenAt: night(day),
    run: `run ${day}`,
  }))
