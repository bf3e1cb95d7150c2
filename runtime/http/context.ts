import type { HttpBindings } from '@hono/node-server'
import type { Hono } from 'hono'
import type { Engine } from '../backup/engine.ts'
import type { SlotsNow } from '../backup/fleet/slots/hub-slots.ts'
import type { FleetPause } from '../backup/fleet/slots/pauses.ts'
import type { Config } from '../config/config.ts'
import { type Clock, systemClock } from '../core/clock.ts'
import type { Secrets } from './secrets.ts'
import { Capacity } from './security/capacity.ts'
import { RateLimit } from './security/rate-limit.ts'
import { openSessions, type Sessions } from './session/sessions.ts'
import { identify, type Who } from './who.ts'

/** What is asked of an engine over HTTP. */
export type HttpEngine = Pick<
  Engine,
  | 'bus'
  | 'journal'
  | 'fleet'
  | 'registry'
  | 'dispatcher'
  | 'prepare'
  | 'refreshed'
  | 'unready'
  | 'listen'
  | 'cancel'
  | 'ended'
  | 'redrive'
  | 'held'
  | 'release'
  | 'restore'
  | 'look'
  | 'current'
>

/** Which hosts of a fleet wait for a slot of a backup server, or have one, and what is paused. */
export type FleetSlots = SlotsNow & { paused: readonly FleetPause[] }

/** What every route may use. */
export interface AppContext {
  engine: HttpEngine
  config: Config
  version: string
  secrets: Secrets
  clock: Clock
  rateLimit: RateLimit
  /** How often somebody may be wrong who logs in. */
  loginLimit: { codes: RateLimit; tokens: RateLimit }
  /** Of the page. */
  sessions: Sessions
  /** Who asks, by what a request brings. @throws {Problem} It brings a token that is none of ours. */
  whoAsks(header: (name: string) => string | undefined): Who | undefined
  /** How many bodies may be in memory at once, 80 MiB of them at the worst, and how many searches may go on. */
  capacity: { events: Capacity; calls: Capacity; plans: Capacity; searches: Capacity }
  /** Whoever gets here may do everything: the unix socket, whose file has permissions. */
  trusted: boolean
  /** How the slots of a fleet stand; on a hub. */
  slots?(): FleetSlots
  /** Whether `hdsync check` may be run in the background, for the page. */
  checks: boolean
  /** Aborted when hdsync stops: streams are ended. */
  closing: AbortSignal
  /** Told of what went wrong in hdsync itself. */
  onWarning(message: string): void
}

/** What has to be said of an app; see `AppContext`. Trusts nobody, and has no token and no webhooks, and runs no checks, unless given. */
export type AppOptions = Pick<AppContext, 'engine' | 'config' | 'version'> &
  Partial<Pick<AppContext, 'secrets' | 'trusted' | 'checks' | 'slots' | 'clock' | 'closing' | 'onWarning'>>

export function createContext(options: AppOptions): AppContext {
  const { config, clock = systemClock, trusted = false } = options
  const secrets: Secrets = options.secrets ?? { token: undefined, webhooks: new Map() }
  const sessions = openSessions(config.state, clock)
  const tokens = { act: secrets.token, read: secrets.readToken }
  return {
    checks: false,
    closing: new AbortController().signal,
    onWarning() {},
    ...options,
    secrets,
    sessions,
    whoAsks: identify({ sessions, state: config.state, tokens }),
    loginLimit: { codes: new RateLimit(loginRate, clock), tokens: new RateLimit(loginRate, clock) },
    clock,
    trusted,
    rateLimit: new RateLimit(trusted ? unlimited : (config.http?.rateLimit ?? defaultRate), clock),
    capacity: {
      events: new Capacity(1024, 'events in hand'),
      calls: new Capacity(256, 'calls in hand'),
      plans: new Capacity(4, 'restores being planned'),
      searches: new Capacity(2, 'searches going on'),
    },
  }
}

const defaultRate = { perSecond: 100, burst: 1000 }
/** A token has 16 characters at least: it is not guessed at this rate. */
const loginRate = { perSecond: 1 / 12, burst: 5 }
const unlimited = { perSecond: Number.MAX_VALUE, burst: Number.MAX_VALUE }

/** `incoming` and `outgoing` are not there in process, without a socket. */
export type AppEnv = {
  Bindings: Partial<HttpBindings> & {
    /** Who asks, as the guard has found, or the door of the page; undefined on the unix socket. */
    who?: Who | undefined
    /** Only the head is wanted: nothing is to be used up. */
    isHead?: boolean
  }
}

export type App = Hono<AppEnv>

/** Adds routes to an app. */
export type AddRoutes = (app: App) => void
