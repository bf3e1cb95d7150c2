import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import type { Context, Hono } from 'hono'
import { appRoot } from '../../app-root.ts'
import { type Checks, createChecks, onlyLast } from '../../backup/status/check-again.ts'
import type { AppContext, AppEnv } from '../context.ts'
import type { Session } from '../session/sessions.ts'

/** What every screen may use. */
export interface PageContext extends Omit<AppContext, 'checks'> {
  /** Of this machine, for people. */
  host: string
  assets: ReadonlyMap<string, Asset>
  checks: Checks
  /** A path of the page as a link to it, below what a reverse proxy puts before it. */
  href(path: string): string
}

/** A file that belongs to the page. */
export interface Asset {
  text: string
  type: string
  /** With it in its address a browser may keep it. */
  version: string
}

/** What is known of a request once it has come through the door. */
export interface PageEnv {
  Bindings: AppEnv['Bindings']
  Variables: {
    session: Session
    /** Of a POST: what its form holds. */
    form: URLSearchParams
  }
}

export type PageApp = Hono<PageEnv>
export type PageRequest = Context<PageEnv>

/** Adds the screens of one kind. */
export type AddScreens = (app: PageApp, page: PageContext) => void

export function pageContext(context: AppContext): PageContext {
  const { clock, closing } = context
  const base = context.config.http?.base ?? ''
  return {
    ...context,
    host: hostname(),
    checks: context.checks
      ? createChecks(context.config, { clock, signal: closing })
      : onlyLast(context.config),
    assets: new Map([
      ['page.css', readAsset('page.css', 'text/css; charset=utf-8')],
      ['icon.svg', readAsset('icon.svg', 'image/svg+xml')],
      ['page.js', readAsset('page.js', 'text/javascript; charset=utf-8')],
    ]),
    href: (path) => `${base}${path}`,
  }
}

function readAsset(name: string, type: string): Asset {
  const text = readFileSync(join(appRoot, 'runtime/http/page/assets', name), 'utf8')
  return { text, type, version: createHash('sha256').update(text).digest('hex').slice(0, 12) }
}
