import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import type { Engine } from '../../../../runtime/backup/engine.ts'
import { openEngine } from '../../../../runtime/backup/open-engine.ts'
import { loadConfig } from '../../../../runtime/config/load.ts'
import { writeMarker } from '../../../../runtime/host/target/marker.ts'
import { createApp } from '../../../../runtime/http/app.ts'
import type { App, AppOptions } from '../../../../runtime/http/context.ts'
import { createHandler, type Handler } from '../../../../runtime/http/handler.ts'
import { readSecrets } from '../../../../runtime/http/secrets.ts'
import { ManualClock } from '../../manual-clock.ts'
import { temporaryFolder } from '../../temporary-folder.ts'

export const token = '0123456789abcdef0123456789abcdef'
export const webhookSecret = `whsec_${Buffer.alloc(32, 7).toString('base64')}`

/** An engine over a store of its own, two directories to back up, and the app before it. */
export interface Service {
  engine: Engine
  app: App
  /** That the app has been made with. */
  options: AppOptions
  /** As a listener has it: the app is what it loads by itself. */
  handle: Handler
  clock: ManualClock
  folder: string
  warnings: string[]
  /** A request with the token, unless it says otherwise. */
  request(path: string, init?: RequestInit): Promise<Response>
  /** Puts `backup.start` on the bus. @returns The run. */
  start(data?: object, id?: string): Promise<Response>
}

interface ServiceOptions extends Partial<AppOptions> {
  /** Lets runs begin; otherwise events lie on the bus. */
  running?: boolean
  /** Lines below `http:`. */
  http?: string
}

export async function makeService({
  running = false,
  http = '',
  ...options
}: ServiceOptions = {}): Promise<Service> {
  const folder = temporaryFolder()
  for (const name of ['home', 'www', 'disk', 'functions']) mkdirSync(join(folder, name), { mode: 0o700 })
  for (const name of ['home', 'www']) writeFileSync(join(folder, name, 'file'), name)
  await writeMarker(join(folder, 'disk'), 'disk', 0)
  writeFileSync(join(folder, 'token'), `${token}\n`, { mode: 0o600 })
  writeFileSync(join(folder, 'deploy.secret'), `${webhookSecret}\n`, { mode: 0o600 })
  const file = join(folder, 'hdsync.yaml')
  const text = `sources:
  home: { path: ${folder}/home, target: disk }
  www: { path: ${folder}/www, target: disk }
targets:
  disk: { path: ${folder}/disk }
state: ${folder}/state
functions: ${folder}/functions
http:
  tokenFile: ${folder}/token
  webhooks:
    deploy: { secretFile: ${folder}/deploy.secret, event: backup.start, data: { sources: [home] } }
${http}`
  writeFileSync(file, text, { mode: 0o600 })
  const config = await loadConfig({ path: file, env: {} })
  const engine = await openEngine({ config })
  if (!engine) throw new Error('another hdsync is at work')
  if (running) await engine.start()
  const clock = new ManualClock()
  const warnings: string[] = []
  const closing = new AbortController()
  onTestFinished(async () => {
    closing.abort()
    await engine.stop()
  })
  const secrets = await readSecrets(config)
  const all = {
    engine,
    config,
    version: '9.9.9',
    secrets,
    clock,
    closing: closing.signal,
    onWarning: (message: string) => void warnings.push(message),
    ...options,
  }
  const app = createApp(all)
  const handle = createHandler(all)
  const request = async (path: string, init: RequestInit = {}) => {
    const headers = { host: 'localhost', authorization: `Bearer ${token}` }
    return app.request(path, { ...init, headers: { ...headers, ...(init.headers as object) } })
  }
  const start = (data: object = {}, id = 'a1') => request('/events', structured({ id, data }))
  return { engine, app, options: all, handle, clock, folder, warnings, request, start }
}

/** A request with one event in the structured mode. */
export function structured(event: object): RequestInit {
  return {
    method: 'POST',
    headers: { 'content-type': 'application/cloudevents+json' },
    body: JSON.stringify({ specversion: '1.0', id: 'a1', source: '/test', type: 'backup.start', ...event }),
  }
}
