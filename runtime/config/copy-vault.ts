import { parsed, text } from './reading.ts'

// What the config says of a vault that copies are sent to.

/** How a vault is reached by ssh(1). */
export interface VaultAddress {
  user: string
  /** A name or an address; one of IPv6 in brackets. */
  host: string
}

/** From one minute of the day to another, which may be on the next; where both are the same, all day. */
export interface LimitWindow {
  fromMinute: number
  toMinute: number
  bytesPerSecond: number
}

const address =
  /^(?<user>[a-z_][a-z0-9_-]{0,31})@(?<host>[A-Za-z0-9][A-Za-z0-9.-]{0,252}|\[[0-9A-Fa-f:.]+\])$/

/** @returns undefined for a text that is none. */
export function parseVaultAddress(value: string): VaultAddress | undefined {
  const { user, host } = address.exec(value)?.groups ?? {}
  return user === undefined || host === undefined ? undefined : { user, host }
}

export const vaultAddress = parsed(
  'a user and a host such as backup@vault.example.org',
  parseVaultAddress,
  (value) => {
    const bare = value.replace(/^ssh:\/\//, '').replace(/:\d+$/, '')
    return bare !== value && parseVaultAddress(bare) ? `write ${bare}, and the port as \`port\`` : undefined
  },
)

/** ssh(1) and rsync(1) give a meaning to blanks, quotes and percent signs in paths. */
export const plainPath = text(
  'an absolute path of letters, digits and `_ . - + @`',
  (path) => /^(?:\/[\w.+@-]+)+$/.test(path) && !path.split('/').some((part) => part === '.' || part === '..'),
)

const window = /^(?<from>(?:[01]\d|2[0-3]):[0-5]\d)-(?<to>(?:[01]\d|2[0-3]):[0-5]\d|24:00)$/

export const timesOfDay = text(
  'times of the day such as "08:00-18:00"',
  (value) => window.test(value),
  (value) => (/^\d:\d\d-|-\d:\d\d$/.test(value) ? 'each has four digits: 08:00' : undefined),
)

/** `limit` as it is read: by times that `timesOfDay` accepts. */
export function windowsOf(limit: Readonly<Record<string, number>> = {}): LimitWindow[] {
  return Object.entries(limit).map(([times, rate]) => windowOf(times, rate))
}

function windowOf(value: string, bytesPerSecond: number): LimitWindow {
  const { from = '', to = '' } = window.exec(value)?.groups ?? {}
  return { fromMinute: minuteOf(from), toMinute: minuteOf(to) % dayMinutes, bytesPerSecond }
}

const dayMinutes = 24 * 60

function minuteOf(time: string): number {
  const [hours = 0, minutes = 0] = time.split(':').map(Number)
  return hours * 60 + minutes
}

/**
 * The limit that holds at a moment, by the time of day of this machine; undefined where none does.
 * @param now Milliseconds since the epoch.
 */
export function limitAt(windows: readonly LimitWindow[], now: number): number | undefined {
  const time = new Date(now)
  const minute = time.getHours() * 60 + time.getMinutes()
  const holding = windows.filter(({ fromMinute, toMinute }) =>
    fromMinute < toMinute
      ? minute >= fromMinute && minute < toMinute
      : minute >= fromMinute || minute < toMinute,
  )
  return holding.length === 0 ? undefined : Math.min(...holding.map((one) => one.bytesPerSecond))
}

/** In how many milliseconds another limit may hold: at the next minute at which a window begins or ends. */
export function limitLastsMs(windows: readonly LimitWindow[], now: number): number | undefined {
  if (windows.length === 0) return undefined
  const time = new Date(now)
  const minute = time.getHours() * 60 + time.getMinutes()
  const edges = windows.flatMap(({ fromMinute, toMinute }) => [fromMinute, toMinute])
  const minutes = Math.min(...edges.map((edge) => (edge > minute ? edge : edge + dayMinutes) - minute))
  return minutes * 60_000 - (time.getSeconds() * 1000 + time.getMilliseconds())
}
