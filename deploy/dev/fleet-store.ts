import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { catalogue, type DrillResult, type RunResult } from '../../events/index.ts'
import { givePublications } from '../../runtime/backup/fleet/commands/given.ts'
import { takeMessages } from '../../runtime/backup/fleet/inbox-taking.ts'
import { SqliteBus } from '../../runtime/core/bus/sqlite/bus.ts'
import { openDatabase } from '../../runtime/core/bus/sqlite/database.ts'
import { Inbox } from '../../runtime/core/bus/sqlite/fleet/inbox.ts'
import { createRegistry } from '../../runtime/core/registry/registry.ts'
import { answerId } from '../../runtime/fleet-protocol.ts'
import { HubFolder } from '../../runtime/host/fleet/hub-folder.ts'
import { isoOf } from '../../runtime/instant.ts'

const minuteMs = 60_000
const hourMs = 60 * minuteMs
const dayMs = 24 * hourMs

export interface FleetStore {
  /** An empty folder. */
  folder: string
  hosts: number
  nights: number
  /** In so many of the last ones each host was asked for its backup, and has made it. */
  asked?: number
  /** Of the page; 7227 unless given. */
  port?: number
  now?: number
}

/**
 * Makes a hub that many hosts have told of their nights, by what takes them on a real one; only the NATS server between them is not
 * there. Most hosts are good. @returns The config of the hub.
 */
export function makeFleetStore({
  folder,
  hosts,
  nights,
  asked = 0,
  port = 7227,
  now = Date.now(),
}: FleetStore): string {
  const config = join(folder, 'hdsync.yaml')
  const text = `fleet: { role: hub, servers: ['tls://127.0.0.1:4222'], folder: ${folder}/fleet }
state: ${folder}/state
functions: ${folder}/functions
http: { listen: "127.0.0.1:${port}" }
`
  mkdirSync(join(folder, 'functions'), { mode: 0o700 })
  writeFileSync(config, text, { mode: 0o600 })
  const list = new HubFolder(join(folder, 'fleet'))
  list.make()
  const all = Array.from({ length: hosts }, (_, n) => new SimulatedHost(n))
  for (const { name } of all) {
    const enrolledAt = isoOf(now - (nights + 1) * dayMs)
    list.keep({
      ...{ host: name, key: 'U'.padEnd(56, 'A'), code: null, enrolledAt },
      revokedAt: name === 'old1' ? isoOf(now) : null,
    })
  }
  list.keep({ host: 'new1', key: null, code: null, enrolledAt: isoOf(now), revokedAt: null })
  const state = join(folder, 'state')
  const database = openDatabase(state)
  // Nobody pulls the plug on it.
  database.exec('PRAGMA synchronous = OFF')
  const bus = new SqliteBus(database, state)
  const inbox = new Inbox(database)
  const registry = createRegistry([], catalogue)
  const give = (wishes: readonly (readonly [host: string, type: string])[], at: number) => {
    const given = givePublications(
      wishes.map(([host, type]) => ({ host, type, request: {} })),
      { key: list.commandKey, registry, forMs: dayMs, now: at },
    )
    bus.publishWith(() => given.publications)
    return given.ids
  }
  let seq = 0
  for (let n = nights; n > 0; n--) {
    const at = now - n * dayMs + 20 * hourMs
    const ids =
      n > asked
        ? []
        : give(
            all.map(({ name }) => [name, 'backup.start']),
            at - hourMs,
          )
    const messages = all.flatMap((host, m) =>
      host.tells(n, at, ids[m]).map((content) => ({
        seq: ++seq,
        subject: `ev.${host.name}.${content.event.type}`,
        data: Buffer.from(JSON.stringify(content)),
        timeMs: at + hourMs,
      })),
    )
    bus.publishWith(() => takeMessages(messages, { inbox, registry, now: at + hourMs }).publications)
  }
  const types = ['backup.start', 'verify.start', 'drill.start']
  give(
    types.map((type, n) => [all[n]?.name ?? '', type]),
    now - hourMs,
  )
  bus.close()
  return config
}

const kinds = ['web', 'db', 'mail', 'file', 'build']
const sourcesOf: Readonly<Record<string, readonly string[]>> = {
  web: ['home', 'www'],
  db: ['home', 'pg'],
  mail: ['home', 'var', 'mail'],
  file: ['home', 'srv'],
  build: ['home'],
}

/** What a host goes through at the end of its nights. */
type Fate = 'good' | 'failed' | 'held' | 'degraded' | 'silent' | 'overdue' | 'drill'

/** Of fifty hosts these are not good. */
const fates: Readonly<Record<number, Fate>> = {
  3: 'failed',
  11: 'held',
  19: 'degraded',
  27: 'silent',
  35: 'overdue',
  43: 'drill',
}

class SimulatedHost {
  readonly name: string
  readonly #fate: Fate
  readonly #sources: readonly string[]
  readonly #about: object
  readonly #n: number
  #seq = 0
  /** The id of what it has told last. */
  #last = ''

  constructor(n: number) {
    const kind = kinds[n % kinds.length] ?? 'web'
    this.name = n === 7 ? 'old1' : `${kind}${Math.floor(n / kinds.length) + 1}`
    this.#n = n
    this.#fate = fates[n % 50] ?? 'good'
    this.#sources = sourcesOf[kind] ?? []
    this.#about = {
      version: n % 9 === 0 ? '0.1.0' : '0.2.0',
      labels: [kind, n % 3 === 0 ? 'fra1' : 'ams1', ...(n === 3 ? ['<b>label</b>\u001b[31m'] : [])],
      silentAfterMs: 36 * hourMs,
      sources: this.#sources,
      copies: [],
      obeys: ['backup.start', 'verify.start', 'drill.start'],
      disks: [
        {
          target: 'hdd1',
          totalBytes: 2e12,
          freeBytes: n % 50 === 8 ? 4e10 : 3e11 + ((n * 7919) % 1000) * 1e9,
          perDayBytes: n % 4 === 3 ? null : 1e9 + ((n * 104_729) % 40) * 1e8,
        },
      ],
    }
  }

  /** What it tells of a night, the last of which is 1. */
  tells(night: number, at: number, command?: string) {
    if (this.#fate === 'silent' && night <= 3) return []
    const run = `${this.name}r${night}`
    const events: { type: string; data: unknown; id?: string }[] = []
    if (command !== undefined)
      events.push({
        ...{ type: 'command.taken', id: answerId(command) },
        data: { command, type: 'backup.start', run },
      })
    if (this.#fate !== 'overdue' || night > 3) events.push(this.#end(night, at))
    else if (night === 1) events.push({ type: 'run.overdue', data: overdue(this.#sources[0] ?? '', at) })
    if ((night + this.#n) % 10 === 0)
      events.push({ type: 'drill.finished', data: { sources: this.#drill('proven', null) } })
    const reason = '14 files of home are not as they were'
    if (this.#fate === 'drill' && night === 2)
      events.push({ type: 'drill.failed', data: { reason, sources: this.#drill('failed', reason) } })
    return events.map((event) => this.#message(event, run, at))
  }

  #message({ type, data, id }: { type: string; data: unknown; id?: string }, run: string, at: number) {
    this.#seq += 1
    const previous = this.#last
    this.#last = id ?? `${this.name} ${this.#seq}`
    return {
      ...{ v: 1, epoch: 'demo', seq: this.#seq, previous, released: 0, about: this.#about },
      event: { id: this.#last, type, time: isoOf(at), run, data },
    }
  }

  #end(night: number, at: number) {
    const bad = night <= 2 ? this.#fate : (night * 7 + this.#n * 13) % 41 === 0 ? 'degraded' : 'good'
    const states: Readonly<Record<string, RunResult['state']>> = {
      failed: 'failed',
      held: 'held',
      degraded: 'degraded',
    }
    const state = states[bad] ?? 'succeeded'
    const tookMs = (3 + ((this.#n + night) % 17)) * minuteMs
    const result: RunResult = {
      ...{ run: `${this.name}r${night}`, state },
      ...{ startedAt: isoOf(at - tookMs), endedAt: isoOf(at) },
      sources: this.#sources.map((source, m) => {
        const own = m === this.#sources.length - 1 ? state : 'succeeded'
        const bytes = 10_000_000 + ((this.#n * 7919 + night * 104_729 + m * 1_299_709) % 4_000) * 500_000
        return {
          ...{ source, state: own, mountTrials: 0, snapshotUsedPercent: null },
          ...{ filesTransferred: bytes % 3000, bytesTransferred: bytes, filesDeleted: night % 40 },
          ...{ archive: null, error: own === 'succeeded' ? null : this.#reason(own, source) },
        }
      }),
    }
    return { type: `run.${state}`, data: result }
  }

  #reason(state: string, source: string): string {
    // Somebody has taken this one over.
    if (this.#n === 3) return `<script>alert(1)</script> \u001b[2J\u202e of ${source}`
    if (state === 'held')
      return `4,211 of 9,800 files of ${source} would be deleted, more than the limit of 30 %`
    if (state === 'degraded') return 'the archive of yesterday was missing: it was written anew'
    return `target hdd1: /dev/sdb1 is not mounted at /mnt/hdd1`
  }

  #drill(state: DrillResult['state'], error: string | null): DrillResult[] {
    return this.#sources.map((source) => ({
      ...{ source, state, point: null, path: null, whole: false, files: 12, sizeBytes: 48_000, recorded: 12 },
      ...{ canary: true, tookMs: 4000, functions: [], error, differences: [] },
    }))
  }
}

function overdue(source: string, at: number) {
  return {
    source,
    lastSuccessAt: isoOf(at - 40 * hourMs),
    firstSeenAt: isoOf(at - 90 * dayMs),
    allowedMs: 36 * hourMs,
  }
}
