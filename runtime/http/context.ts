import type { HttpBindings } from '@hono/node-server'
import type { Hono } from 'hono'
import type { Config } from '../config/config.ts'
import type { Clock } from '../engine/clock.ts'
import type { Engine } from '../engine/engine.ts'
import type { Secrets } from './secrets.ts'
import type { RateLimit } from './security/rate-limit.ts'

/** What is asked of an engine over HTTP. */
export type HttpEngine = Pick<
  Engine,
  'bus' | 'journal' | 'registry' | 'dispatcher' | 'prepare' | 'listen' | 'cancel' | 'redrive'
>

/** What every route may use. */
export interface AppContext {
  engine: HttpEngine
  config: Config
  version: string
  secrets: Secrets
  clock: Clock
  rateLimit: RateLimit
  /** Aborted when hdsync stops: streams are ended. */
  closing: AbortSignal
}

/** `incoming` and `outgoing` are not there in process, without a socket. */
export type AppEnv = { Bindings: Partial<HttpBindings> }

export type App = Hono<AppEnv>
