/** Who can have a run cancelled: commands of hdsync, and signals that they receive. */
const cancellers = {
  command: '`hdsync cancel`',
  SIGINT: 'Ctrl-C',
  SIGTERM: 'SIGTERM',
  SIGHUP: 'SIGHUP',
  hub: 'the hub of the fleet',
} as const

export type Canceller = keyof typeof cancellers

/** @returns undefined for what is no name of one. */
export function cancellerNamed(name: string | undefined): Canceller | undefined {
  return name !== undefined && Object.hasOwn(cancellers, name) ? (name as Canceller) : undefined
}

/** Why a run has ended before its time, as people read it. @param by Whoever else asks does so over HTTP. */
export function cancelReason(by: Canceller | undefined): string {
  return by ? `cancelled by ${cancellers[by]}` : 'cancelled over HTTP'
}
