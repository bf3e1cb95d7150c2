import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { catalogue } from '../../events/index.ts'
import { conditions } from '../../runtime/cli/checks/conditions.ts'
import { checkCommand } from '../../runtime/cli/commands/check.ts'
import { deadCommand } from '../../runtime/cli/commands/dead.ts'
import { eventsCommand } from '../../runtime/cli/commands/events.ts'
import { functionsCommand } from '../../runtime/cli/commands/functions.ts'
import { planCommand } from '../../runtime/cli/commands/plan.ts'
import { runCommand } from '../../runtime/cli/commands/run.ts'
import { runsCommand } from '../../runtime/cli/commands/runs.ts'
import { showCommand } from '../../runtime/cli/commands/show.ts'
import { adoptCommand } from '../../runtime/cli/commands/target.ts'
import { whyCommand } from '../../runtime/cli/commands/why.ts'
import { exitCodes, signalExitCodes } from '../../runtime/cli/exit-codes.ts'
import type { Io } from '../../runtime/cli/io.ts'
import type { JsonSchema } from '../../runtime/config/json-schema.ts'
import { configJsonSchema } from '../../runtime/config/json-schema.ts'
import { makeServer, printed } from './runtime/cli/night.ts'

// What scripts, units and dashboards of others rely on. Entries may be added; one that is renamed or taken out breaks
// them, and fails here.

const words = (text: string) => text.trim().split(/\s+/)

const checkIds = words(`
  check.failed config.ok config.odd config.replaceable tool.ok tool.missing tool.too-old
  tool.incomplete tool.unknown user.not-root path.ok path.unreadable path.empty lvm.ok lvm.unreadable
  lvm.no-volume lvm.inactive lvm.no-free-extents lvm.few-free-extents lvm.pool-full lvm.pool-filling
  lvm.cached lvm.name-taken lvm.file-system lvm.nouuid lvm.no-file-system lvm.unsupported-file-system
  lvm.foreign-snapshot lvm.overflowed-snapshot lvm.no-kernel-module lvm.autoextend source.nearly-full
  source.overdue source.held mirror.suspect target.ok target.not-mounted target.no-folder
  target.no-device target.no-mount-point target.wrong-disk target.read-only target.no-marker
  target.other-marker target.bad-marker target.too-small target.nearly-full target.on-source
  target.same-disk archive.no-room archive.week-too-large state.ok state.not-writable
  state.nearly-full store.none store.ok store.damaged store.unreadable dead.waiting hdsync.running
  leftover.mount leftover.snapshot leftover.half-made leftover.foreign-snapshot fleet.config fleet.daemon
  fleet.no-daemon timer.ok timer.none timer.disabled timer.never-fired clock.ok clock.unsynchronised notify.ok notify.missing
  notify.not-executable notify.writable notify.disabled notify.secret notify.private
  notify.unknown-host notify.clear-text functions.ok functions.broken`)

const eventTypes = words(`
  archive.weekly backup.finish backup.start mirror.flush snapshot.cleanup snapshot.create snapshot.mount
  snapshot.take source.next sync.run target.close target.open snapshot.after snapshot.before
  dead.lettered hook.disabled mirror.suspect run.cancelled run.degraded run.failed run.held
  run.overdue run.started run.succeeded run.warned snapshot.extended snapshot.overflowed
  snapshot.refused snapshot.released source.archived source.failed source.synced source.warned
  sync.held unit.failed notify.email notify.exec notify.healthchecks notify.ntfy notify.webhook`)

const configKeys = words(`
  sources sources.*.lv sources.*.path sources.*.target sources.*.exclude sources.*.archive
  sources.*.maxDelete sources.*.snapshot sources.*.snapshot.size sources.*.snapshot.max
  sources.*.snapshot.gate sources.*.snapshot.gate.timeout sources.*.snapshot.gate.onTimeout
  sources.*.mount sources.*.mount.attempts sources.*.mount.backoff targets targets.*.path
  targets.*.mounts targets.*.mounts[].device targets.*.mounts[].at targets.*.mounts[].type
  targets.*.mounts[].options targets.*.parallel archive archive.target archive.compression
  archive.level notify notify[].exec notify[].webhook notify[].webhook.url notify[].webhook.secretFile
  notify[].webhook.allowPrivate notify[].healthchecks notify[].healthchecks.url
  notify[].healthchecks.allowPrivate notify[].ntfy notify[].ntfy.url notify[].ntfy.topic
  notify[].ntfy.title notify[].ntfy.priority notify[].ntfy.tags notify[].ntfy.tokenFile
  notify[].ntfy.allowPrivate notify[].email notify[].email.to notify[].email.from notify[].email.smtp
  notify[].email.smtp.host notify[].email.smtp.port notify[].email.smtp.security
  notify[].email.smtp.user notify[].email.smtp.passwordFile notify[].email.sendmail notify[].name
  notify[].on notify[].timeout alert alert.after state keep functions http http.listen http.tokenFile
  http.socket http.restore http.hosts http.rateLimit http.webhooks http.webhooks.*.secretFile http.webhooks.*.event
  http.webhooks.*.data`)

const runKeys = words('run state startedAt endedAt sources')
const sourceKeys = words(`
  source state mountTrials snapshotUsedPercent filesTransferred bytesTransferred filesDeleted archive error`)

/** The keys of what a command prints as JSON, each a path; `[]` for all items of a list. */
const jsonKeys: Record<string, string[]> = {
  run: [...runKeys, ...sourceKeys.map((key) => `sources[].${key}`)],
  runs: [...runKeys, ...sourceKeys.map((key) => `sources[].${key}`)].map((key) => `[].${key}`),
  show: [
    ...runKeys,
    ...sourceKeys.map((key) => `sources[].${key}`),
    ...words(`
    commands[].event commands[].source commands[].argv commands[].onlyLooks commands[].startedAt
    commands[].durationMs commands[].exitCode`),
  ],
  check: words('ok findings[].id findings[].severity findings[].about findings[].finding findings[].remedy'),
  'check --list': words('[].id [].severity [].meaning'),
  dead: words('[].id [].at [].function [].event [].tellsOf [].source [].run [].tries [].error'),
  plan: words('run steps[].argvs problems[].source problems[].error'),
  why: words(`source state failure lastGood remedy`),
  functions: words('[].name [].on [].emits [].timeoutMs [].tries [].builtIn [].file'),
  events: words('specversion id source type time runid data'),
  'target adopt': words('target path adopted id'),
}

function* pathsOf(value: unknown, path = ''): Generator<string> {
  if (path) yield path
  if (Array.isArray(value)) for (const item of value) yield* pathsOf(item, `${path}[]`)
  else if (value !== null && typeof value === 'object')
    for (const [key, part] of Object.entries(value)) yield* pathsOf(part, path ? `${path}.${key}` : key)
}

function* keysOf(schema: JsonSchema, path = ''): Generator<string> {
  for (const [key, part] of Object.entries(schema.properties ?? {})) {
    yield path + key
    yield* keysOf(part, `${path}${key}.`)
  }
  if (schema.items) yield* keysOf(schema.items, `${path.replace(/\.$/, '')}[].`)
  if (typeof schema.additionalProperties === 'object') yield* keysOf(schema.additionalProperties, `${path}*.`)
}

const missing = (expected: readonly string[], found: Iterable<string>) => {
  const there = new Set(found)
  return expected.filter((one) => !there.has(one))
}

describe('what is published stays', () => {
  test('the ids of check', () => expect(missing(checkIds, Object.keys(conditions))).toEqual([]))
  test('the types of events', () => expect(missing(eventTypes, catalogue.keys())).toEqual([]))
  test('the keys of the config', () => expect(missing(configKeys, keysOf(configJsonSchema()))).toEqual([]))
  test('the exit codes', () => {
    expect(exitCodes).toMatchObject({ succeeded: 0, failed: 1, usage: 2, degraded: 3, busy: 4, held: 5 })
    expect(signalExitCodes).toMatchObject({ SIGHUP: 129, SIGINT: 130, SIGTERM: 143 })
  })
})

test('the keys of the JSON that commands print stay', async () => {
  const server = await makeServer()
  rmSync(join(server.folder, 'www'), { recursive: true })
  const asked = { config: server.config, json: true }
  const commands: Record<string, (io: Io) => Promise<number>> = {
    run: (io) => runCommand([], asked, io),
    runs: (io) => runsCommand({ ...asked, limit: 9 }, io),
    show: (io) => showCommand('last', { ...asked, commands: true }, io),
    check: (io) => checkCommand(asked, io),
    'check --list': (io) => checkCommand({ ...asked, list: true }, io),
    dead: (io) => deadCommand(asked, io),
    plan: (io) => planCommand([], asked, io),
    why: (io) => whyCommand('www', asked, io),
    functions: (io) => functionsCommand(asked, io),
    events: (io) => eventsCommand({ ...asked, limit: 1 }, io),
    'target adopt': (io) => adoptCommand('disk', asked, io),
  }
  expect(Object.keys(commands)).toEqual(Object.keys(jsonKeys))
  for (const [name, command] of Object.entries(commands)) {
    const io = printed()
    await command(io)
    expect({ name, gone: missing(jsonKeys[name] ?? [], pathsOf(JSON.parse(io.out))) }).toEqual({
      name,
      gone: [],
    })
  }
})
