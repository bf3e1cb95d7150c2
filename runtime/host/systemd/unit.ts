import { TerminalError } from '../../errors.ts'
import { CommandError, type CommandRunner } from '../command/command.ts'

/** How a unit stands, as systemd tells it. */
export interface UnitState {
  /** Whether systemd knows the unit. */
  found: boolean
  /** Whether it is started at each boot. */
  enabled: boolean
  active: boolean
}

export const systemctlTimeoutMs = 30_000
/** What `unitState` reads. */
const properties = ['LoadState', 'UnitFileState', 'ActiveState']

/**
 * Properties of a unit by their names, those that `unitState` reads among them.
 * @returns undefined where systemd does not answer.
 * @see systemctl(1), show
 */
export async function showUnit(
  unit: string,
  runner: CommandRunner,
  more: readonly string[] = [],
): Promise<Map<string, string> | undefined> {
  const wanted = [...properties, ...more].join(',')
  const argv = ['systemctl', 'show', unit, `--property=${wanted}`, '--timestamp=unix'] as const
  try {
    return parseUnit((await runner.run({ argv, timeoutMs: systemctlTimeoutMs })).stdout)
  } catch (error) {
    if (error instanceof CommandError || error instanceof TerminalError) return undefined
    throw error
  }
}

/** Reads `systemctl show`. */
export function parseUnit(text: string): Map<string, string> {
  return new Map(
    text.split('\n').map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
  )
}

export function unitState(values: ReadonlyMap<string, string>): UnitState {
  return {
    found: values.get('LoadState') === 'loaded',
    enabled: /^(enabled|static|linked|generated)/.test(values.get('UnitFileState') ?? ''),
    active: values.get('ActiveState') === 'active',
  }
}
