/** Signals that ask a command to end: Ctrl-C, a service manager, a terminal that goes away. */
const endings = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/** Hears of each of them, in place of ending at once. @returns A function that lets them do again what they did. */
export function onEndingSignals(listener: (signal: NodeJS.Signals) => void): () => void {
  for (const signal of endings) process.on(signal, listener)
  return () => {
    for (const signal of endings) process.off(signal, listener)
  }
}
