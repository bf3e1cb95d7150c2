/** How long at most, and how often, a test looks for what another process is to do. */
export const patience = { timeout: 60_000, interval: 20 }
