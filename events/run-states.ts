/** How a run stands or ended; without a schema, as whoever only reads past runs loads none. */
export const runStates = ['running', 'succeeded', 'degraded', 'held', 'failed', 'cancelled'] as const
export type RunState = (typeof runStates)[number]
