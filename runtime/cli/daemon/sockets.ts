/** The first socket that a service manager hands over. @see sd_listen_fds(3) */
const firstSocket = 3

/**
 * The listening sockets that systemd has opened for this process.
 * @param pid Of this process: sockets that were meant for another one are not ours.
 * @returns File descriptors; none without socket activation.
 * @see sd_listen_fds(3)
 */
export function activatedSockets(env: NodeJS.ProcessEnv, pid = process.pid): number[] {
  const count = Number(env.LISTEN_FDS)
  if (Number(env.LISTEN_PID) !== pid || !Number.isInteger(count) || count < 1) return []
  return Array.from({ length: count }, (_, index) => firstSocket + index)
}
