import { HdsyncError } from '../../errors.ts'
import type { ConditionId, IdOf } from './conditions.ts'

/** What a check found. The shape is public: `check --json` prints it. */
export interface Finding {
  /** Stable: what kind of thing was found, such as `tool.missing`. */
  id: ConditionId
  /** `error`: a backup will not come about. `warning`: one will, but look at this. */
  severity: 'ok' | 'warning' | 'error'
  /** What it concerns, such as `source var`. */
  about: string
  finding: string
  /** What to do about it: a sentence or a command. */
  remedy: string | null
}

export function ok(id: IdOf<'ok'>, about: string, finding: string): Finding {
  return { id, severity: 'ok', about, finding, remedy: null }
}

export function warning(id: IdOf<'warning'>, about: string, finding: string, remedy: string): Finding {
  return { id, severity: 'warning', about, finding, remedy }
}

export function error(id: IdOf<'error'>, about: string, finding: string, remedy: string): Finding {
  return { id, severity: 'error', about, finding, remedy }
}

/** What a host driver said when it was asked, in its words and with its remedy, if it has one. */
export function refused(
  id: IdOf<'error'>,
  about: string,
  thrown: unknown,
  fallback: string | null = null,
): Finding {
  const finding = thrown instanceof Error ? thrown.message : String(thrown)
  const remedy = thrown instanceof HdsyncError ? thrown.hint : undefined
  return { id, severity: 'error', about, finding, remedy: remedy ?? fallback }
}
