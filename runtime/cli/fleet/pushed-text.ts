import type { PushedConfig } from '../../config/config.ts'
import { localTime } from '../format.ts'
import { table } from '../table.ts'

/** What the hub has set in the config of this host. */
export function pushedText(pushed: PushedConfig | undefined): string {
  if (!pushed || pushed.values.length === 0) return 'the hub has set nothing in the config of this host\n'
  const rows = pushed.values.map(({ key, pushed: value, own, isInForce, reason }) => [
    key,
    value,
    own ?? '-',
    isInForce ? 'yes' : `no: ${reason ?? ''}`,
  ])
  return `set by the hub ${localTime(Date.parse(pushed.at))}:\n${table([['KEY', 'HUB', 'FILE', 'IN FORCE'], ...rows])}`
}
