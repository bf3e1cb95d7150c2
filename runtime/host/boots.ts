import { readFileSync } from 'node:fs'

/** What hdsync-boots.service notes, a line each: `up BOOT` when the machine starts, `down BOOT` when it is shut down. */
const bootsFile = '/var/lib/hdsync/boots'

/**
 * Whether file times can be trusted. A file written in place shortly before a power failure may come back with its new
 * contents and its old time: the time is written with the next journal commit (5 seconds on ext3 and ext4, 30 on reiserfs).
 */
export interface Boots {
  /** This uptime of the machine. */
  readonly current: string
  /** Whether the machine has been shut down in order each time it went down since; false if nobody took note. */
  inOrderSince(boot: string): boolean
}

export const boots: Boots = {
  get current() {
    return bootId()
  },
  inOrderSince: (boot) => inOrder(notes(), boot, bootId()),
}

/** Whether every line from the `down` of the one boot to the `up` of the other is there. */
export function inOrder(notes: readonly string[], from: string, to: string): boolean {
  if (from === to) return true
  let boot = to
  let isUp = false
  for (const line of notes.toReversed()) {
    const [what, id] = line.split(' ')
    if (what === 'up' && id === boot) isUp = true
    else if (what === 'down' && id && isUp) {
      if (id === from) return true
      boot = id
      isUp = false
    } else return false
  }
  return false
}

function notes(): string[] {
  try {
    return readFileSync(bootsFile, 'utf8').trim().split('\n')
  } catch {
    return []
  }
}

/** Names this uptime of the machine. @see random(4) */
export function bootId(): string {
  return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
}
